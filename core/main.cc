// moongate: the table of verbs.
#include "server/cli.h"
#include "server/explain_verb.h"
#include "server/jwt_verb.h"
#include "server/profile_verb.h"
#include "tester/new_verb.h"
#include "tester/verbs.h"

int main(int argc, char** argv) {
  using namespace mg;
  static constexpr server::Verb kVerbs[] = {
      {"run", "-c FILE", "run the gateway in the foreground", server::RunGateway},
      {"check", "[--strict] -c FILE", "check a configuration and everything it names", server::RunCheck},
      {"explain", "METHOD URL [-H ...] [--trace] -c FILE", "tell which route would answer, and why",
       server::RunExplain},
      {"reload", "-c FILE", "make the running gateway take its files anew", server::RunReload},
      {"stop", "-c FILE", "stop the running gateway", server::RunStop},
      {"generations", "-c FILE", "what the running gateway has not let go of, and what holds it",
       server::RunGenerations},
      {"profile", "--route NAME [--seconds N]", "draw where a route's Lua spends its time", server::RunProfile},
      {"jwt", "sign --secret TEXT ...", "make a signed token, for trying things out", server::RunJwt},
      {"schema", "", "print a JSON Schema of the configuration", server::RunSchema},
      {"new", "policy NAME [--in FOLDER]", "write a policy and its test, to begin with", tester::RunNew},
      {"test", "[options] PATH...", "run test blocks (.t files)", tester::RunTest},
      {"version", "", "print the version", server::RunVersion},
  };
  return server::RunCommandLine(argc, argv, kVerbs);
}
