#!/bin/sh
# What client and server counted adds up: 20_polite_test.sh [runner...] path/to/20_polite
# shellcheck source=tests/examples/check.sh
. "$(dirname "$0")/check.sh"

example >"$tmp/output"
check "status" 0 $?
tr -d ',()' <"$tmp/output" | awk '
    $1 == "pages:" { fetched = $2; missing = $4; given_up = $7 }
    $1 == "client:" { tries = $2; again = $4; refused = $8 }
    $1 == "server:" { requests = $2; busy = $4; most = $10; allowed = $14 + $16 }
    END {
        print "fetched=" fetched " missing=" missing " given_up=" given_up
        print "tries=" tries " again=" again " refused=" refused
        print "requests=" requests " busy=" busy " most=" most " allowed=" allowed
    }' >"$tmp/numbers"
cat "$tmp/output"
fetched='' missing='' given_up='' tries='' again='' refused=''
requests='' busy='' most='' allowed=''
# shellcheck source=/dev/null
. "$tmp/numbers"

check "each page ends in one way" 61 $((fetched + missing + given_up))
# The host that nobody answers for is given up after 12 tries, the server is not likely to be.
at_most "given up: that host" "$given_up" 1
at_most "given up: hardly anything else" 2 "$given_up"
check "refused" 12 "$refused"
at_most "not there: every tenth" 6 "$missing"
check "a retry is a try" $((61 + again)) "$tries"
check "a try is a request" "$tries" $((requests + refused))
check "every third is busy" $((requests / 3)) "$busy"
check "only what is busy or refused is tried again" $((busy + refused - given_up)) "$again"
# 4 workers may have had a request on its way when that second began.
at_most "no more than allowed in a second" $((allowed + 4)) "$most"
at_most "but nearly so much" "$most" $((allowed / 2))
finish
