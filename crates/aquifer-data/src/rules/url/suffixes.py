"""The public suffixes that registries give out, from the list that tldextract carries.

    python suffixes.py > public_suffixes.txt      # tldextract 5.4.0
"""

from pathlib import Path

import tldextract

snapshot = (Path(tldextract.__file__).parent / ".tld_set_snapshot").read_text(encoding="utf-8")
print("""// This Source Code Form is subject to the terms of the Mozilla Public
// License, v. 2.0. If a copy of the MPL was not distributed with this
// file, You can obtain one at https://mozilla.org/MPL/2.0/.
//
// The part of https://publicsuffix.org/list/public_suffix_list.dat between its ICANN marks, without remarks and with
// names beyond ASCII in Punycode too, by `suffixes.py`.""")
print(next(line for line in snapshot.splitlines() if line.startswith("// VERSION")))
part = snapshot[snapshot.index("===BEGIN ICANN") : snapshot.index("===END ICANN")]
rules = [line.strip() for line in part.splitlines()[1:] if line.strip() and not line.startswith("//")]
print("\n".join(rules))
print("\n".join(rule.encode("idna").decode() for rule in rules if not rule.isascii()))
