// How many event loops "workers: auto" means: the CPUs this process may run on, and no more than its cgroups' CPU quota
// pays for. Reads /proc and /sys; control thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace mg::config {

uint32_t AutoWorkers();  // at least 1

// The smallest CPU quota, in CPUs, of the cgroup that `cgroups` (/proc/self/cgroup) names and those above it, under
// `root` (/sys/fs/cgroup): cpu.max (version 2), cpu.cfs_quota_us (version 1). nullopt: none is set.
std::optional<double> CgroupCpus(const std::string& cgroups, const std::string& root);

}  // namespace mg::config
