#include "script/surface.h"

namespace mg::script {

void LinkContext();
void LinkOutput();
void LinkRequest();
void LinkTime();
void LinkEncoding();
void LinkShared();

void LinkSurface() {
  LinkContext();
  LinkOutput();
  LinkRequest();
  LinkTime();
  LinkEncoding();
  LinkShared();
}

}  // namespace mg::script
