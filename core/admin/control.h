// Control: what the status endpoints ask of the gateway; `server` implements it.
#pragma once

#include <string>

namespace mg::admin {

class Control {
 public:
  virtual ~Control() = default;
  // A generation is live and nothing drains. From the status thread.
  virtual bool Ready() const = 0;
  // Appends the page of metrics, in Prometheus' text format. From the status thread; takes no lock that a loop takes.
  virtual void WriteMetrics(std::string& to) = 0;
};

}  // namespace mg::admin
