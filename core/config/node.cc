#include "config/node.h"

#include <algorithm>
#include <tuple>

#include <fmt/format.h>

namespace mg::config {

const Node* Node::Find(std::string_view key) const {
  for (const Entry& entry : entries) {
    if (entry.key == key) return &entry.value;
  }
  return nullptr;
}

std::string Diagnostic::ToString() const {
  std::string text = file;
  if (line > 0) fmt::format_to(std::back_inserter(text), ":{}:{}", line, column);
  text += level == Level::kWarning ? ": warning: " : ": ";
  text += message;
  if (!path.empty()) text += " (" + path + ")";
  return text;
}

void Diagnostics::Error(const Position& at, std::string path, std::string message) {
  Add(Diagnostic::Level::kError, at, std::move(path), std::move(message));
}

void Diagnostics::Warning(const Position& at, std::string path, std::string message) {
  Add(Diagnostic::Level::kWarning, at, std::move(path), std::move(message));
}

void Diagnostics::Add(Diagnostic::Level level, const Position& at, std::string path, std::string message) {
  std::string file = at.file < files.size() ? files[at.file] : "?";
  Insert({level, std::move(file), at.line, at.column, std::move(path), std::move(message), at.file});
}

void Diagnostics::ErrorIn(std::string file, uint32_t line, uint32_t column, std::string path, std::string message) {
  AddIn(Diagnostic::Level::kError, std::move(file), line, column, std::move(path), std::move(message));
}

void Diagnostics::WarningIn(std::string file, uint32_t line, uint32_t column, std::string message) {
  AddIn(Diagnostic::Level::kWarning, std::move(file), line, column, {}, std::move(message));
}

void Diagnostics::AddIn(Diagnostic::Level level, std::string file, uint32_t line, uint32_t column, std::string path,
                        std::string message) {
  auto known = std::find(files.begin(), files.end(), file);
  uint32_t index = known == files.end() ? UINT32_MAX : static_cast<uint32_t>(known - files.begin());
  Insert({level, std::move(file), line, column, std::move(path), std::move(message), index});
}

void Diagnostics::Insert(Diagnostic diagnostic) {
  if (diagnostic.level == Diagnostic::Level::kError) errors_++;
  auto before = [](const Diagnostic& a, const Diagnostic& b) {
    // Among files outside the configuration, the name orders.
    const std::string none;
    const std::string& a_name = a.file_index == UINT32_MAX ? a.file : none;
    const std::string& b_name = b.file_index == UINT32_MAX ? b.file : none;
    return std::tie(a.file_index, a_name, a.line, a.column) < std::tie(b.file_index, b_name, b.line, b.column);
  };
  all_.insert(std::upper_bound(all_.begin(), all_.end(), diagnostic, before), std::move(diagnostic));
}

std::string Diagnostics::ToString() const {
  std::string text;
  for (const Diagnostic& diagnostic : all_) text += diagnostic.ToString() + "\n";
  return text;
}

}  // namespace mg::config
