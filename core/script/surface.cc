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
void LinkSocket();
void LinkUdp();

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
  LinkSocket();
  LinkUdp();
}

}  // namespace mg::script
