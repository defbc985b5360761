// What Prometheus' clients tell of a process: CPU time, memory, descriptors, start. From /proc, when the page is read.
#pragma once

#include "observe/metrics_page.h"

namespace mg::observe {

void WriteProcessMetrics(MetricsPage& page);

}  // namespace mg::observe
