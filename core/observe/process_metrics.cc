#include "observe/process_metrics.h"

#include <dirent.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cstdio>
#include <fstream>

#include "base/clock.h"
#include "base/strings.h"

namespace mg::observe {

namespace {

constexpr auto kCounter = MetricKind::kCounter;
constexpr auto kGauge = MetricKind::kGauge;

// Field `number` (from 1, as in proc(5)) of /proc/self/stat, for those behind the name in parentheses.
uint64_t StatField(std::string_view stat, int number) {
  size_t at = stat.rfind(')');
  if (at == std::string_view::npos) return 0;
  stat.remove_prefix(at + 2);
  for (int field = 3; field < number; field++) stat.remove_prefix(std::min(stat.find(' ') + 1, stat.size()));
  return ParseDecimal(stat.substr(0, stat.find(' '))).value_or(0);
}

std::string ReadAll(const char* path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

size_t OpenDescriptors() {
  DIR* folder = opendir("/proc/self/fd");
  if (folder == nullptr) return 0;
  size_t count = 0;
  while (const dirent* entry = readdir(folder)) count += entry->d_name[0] != '.';
  closedir(folder);
  return count - 1;  // its own
}

// Since 1970; the process does not change it.
double StartTime(std::string_view stat) {
  double ticks = static_cast<double>(sysconf(_SC_CLK_TCK));
  double up_at_start = static_cast<double>(StatField(stat, 22)) / ticks;
  double up = static_cast<double>(ClockNanoseconds(CLOCK_BOOTTIME)) / 1e9;
  return static_cast<double>(WallNow()) / 1e9 - up + up_at_start;
}

}  // namespace

void WriteProcessMetrics(MetricsPage& page) {
  const std::string stat = ReadAll("/proc/self/stat");
  static const double start = StartTime(stat);
  double cpu = static_cast<double>(ClockNanoseconds(CLOCK_PROCESS_CPUTIME_ID)) / 1e9;
  page.Single(kCounter, "process_cpu_seconds_total", "User and system CPU time of the process.", cpu);
  page.Single(kGauge, "process_start_time_seconds", "When the process started, since 1970.", start);
  page.Single(kGauge, "process_virtual_memory_bytes", "Virtual memory.", StatField(stat, 23));
  uint64_t pages = StatField(stat, 24);
  page.Single(kGauge, "process_resident_memory_bytes", "Resident memory.",
              pages * static_cast<uint64_t>(sysconf(_SC_PAGESIZE)));
  page.Single(kGauge, "process_open_fds", "Open descriptors.", OpenDescriptors());
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY)
    page.Single(kGauge, "process_max_fds", "Descriptors that may be open.", static_cast<uint64_t>(limit.rlim_cur));
  page.Single(kGauge, "process_threads", "Threads.", StatField(stat, 20));
}

}  // namespace mg::observe
