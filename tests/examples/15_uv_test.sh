#!/bin/sh
# 15_uv does what 14_poll does: 15_uv_test.sh [runner...] path/to/15_uv
# shellcheck source=tests/examples/14_poll_test.sh
. "$(dirname "$0")/14_poll_test.sh"
