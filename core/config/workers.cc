#include "config/workers.h"

#include <sched.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <string>
#include <string_view>
#include <vector>

#include "base/strings.h"

namespace mg::config {
namespace {

// The first words of a small file.
std::vector<std::string> Words(const std::string& path) {
  std::ifstream file(path);
  std::vector<std::string> words;
  for (std::string word; words.size() < 8 && file >> word;) words.push_back(word);
  return words;
}

std::optional<double> Quota(const std::string& quota, const std::string& period) {
  auto used = ParseDecimal(quota), of = ParseDecimal(period);
  if (!used || !of || *used == 0 || *of == 0) return std::nullopt;  // "max" and -1: none
  return static_cast<double>(*used) / static_cast<double>(*of);
}

std::optional<double> QuotaOf(const std::string& directory) {
  std::vector<std::string> max = Words(directory + "/cpu.max");
  if (max.size() == 2) return Quota(max[0], max[1]);
  std::vector<std::string> quota = Words(directory + "/cpu.cfs_quota_us");
  std::vector<std::string> period = Words(directory + "/cpu.cfs_period_us");
  return quota.size() == 1 && period.size() == 1 ? Quota(quota[0], period[0]) : std::nullopt;
}

}  // namespace

std::optional<double> CgroupCpus(const std::string& cgroups, const std::string& root) {
  std::optional<double> least;
  auto visit = [&](const std::string& directory) {
    if (auto cpus = QuotaOf(directory)) least = least ? std::min(*least, *cpus) : *cpus;
  };
  std::ifstream file(cgroups);
  for (std::string line; std::getline(file, line);) {
    // hierarchy:controllers:path, where version 2 has hierarchy 0 and no controllers.
    size_t first = line.find(':'), second = line.find(':', first + 1);
    if (first == std::string::npos || second == std::string::npos) continue;
    std::string controllers = line.substr(first + 1, second - first - 1);
    bool cpu = controllers.empty();
    ForEachListItem(controllers, [&](std::string_view name) { cpu = cpu || name == "cpu"; });
    if (!cpu) continue;
    std::string mount = controllers.empty() ? root : root + "/" + controllers;
    std::string path = line.substr(second + 1);
    // Within a container the path may not be there, but its own limit is at the root.
    for (;;) {
      visit(mount + path);
      size_t slash = path.rfind('/');
      if (path.empty() || slash == std::string::npos) break;
      path.resize(slash);
    }
  }
  return least;
}

uint32_t AutoWorkers() {
  cpu_set_t set;
  CPU_ZERO(&set);
  int cpus = ::sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 1;
  if (auto quota = CgroupCpus("/proc/self/cgroup", "/sys/fs/cgroup")) {
    cpus = std::min(cpus, static_cast<int>(std::min(std::ceil(*quota), 1e6)));
  }
  return static_cast<uint32_t>(std::max(cpus, 1));
}

}  // namespace mg::config
