// From the text of a .t file to its blocks. Pure; safe on any bytes.
#pragma once

#include <string_view>

#include "tester/block.h"

namespace mg::tester {

// Reads a whole file. Text before the first block may be blank lines and "#" comments, or anything when a line
// "__DATA__" ends it (as in a Perl file of Test::Nginx). Within a section:
//  - blank lines before and after the text are dropped (what is left ends in one newline);
//  - a line that begins with "\---" or "\===" (or more backslashes) loses one backslash, so that it can be text.
// Unknown sections and filters, and sections given twice, are problems; a block with a problem must not be run.
ParsedFile ParseBlocks(std::string_view text);

}  // namespace mg::tester
