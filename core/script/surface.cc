#include "script/surface.h"

namespace mg::script {

void LinkContext();
void LinkOutput();
void LinkRequest();
void LinkTime();
void LinkEncoding();
void LinkShared();
void LinkIdentity();
void LinkJwt();
void LinkLimit();
void LinkAggregate();
void LinkHttp();
void LinkRedis();
void LinkBalancer();
void LinkRegex();
void LinkPattern();
void LinkLocation();
void LinkSsl();
void LinkSemaphore();
void LinkErrorLog();
void LinkPipe();
void LinkWorkerThread();
void LinkSocket();
void LinkUdp();
void LinkCanary();

void LinkSurface() {
  LinkContext();
  LinkOutput();
  LinkRequest();
  LinkTime();
  LinkEncoding();
  LinkShared();
  LinkIdentity();
  LinkJwt();
  LinkLimit();
  LinkAggregate();
  LinkHttp();
  LinkRedis();
  LinkBalancer();
  LinkRegex();
  LinkPattern();
  LinkLocation();
  LinkSsl();
  LinkSemaphore();
  LinkErrorLog();
  LinkPipe();
  LinkWorkerThread();
  LinkSocket();
  LinkUdp();
  LinkCanary();
}

}  // namespace mg::script
