// The fixture of this module's tests.
#pragma once

#include <gtest/gtest.h>

#include "script/test_harness.h"

namespace mg::script {

class ScriptTest : public ::testing::Test, public ScriptHarness {};

}  // namespace mg::script
