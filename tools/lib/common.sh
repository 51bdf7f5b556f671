# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2034,SC2164
# Shared by the commands in tools/: sourced, not run. Sets ROOT and goes there.

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
cd "$ROOT"
PYTHON=/usr/bin/python3
child=

# Runs a command as a child that gets the signals that this script gets, and waits for its end.
run_child() {
	local status=0
	"$@" &
	child=$!
	wait "$child" || status=$?
	child=
	return "$status"
}

# Ends what run_child started: TERM, so that it cleans up after itself, and then waits for it.
end_child() {
	[[ -n $child ]] || return 0
	kill -TERM "$child" 2>/dev/null || true
	wait "$child" 2>/dev/null || true
	child=
}

trap 'end_child' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

need_root() {
	if [[ $(id -u) -ne 0 ]]; then
		echo "${0##*/}: run as root: it makes network namespaces and devices" >&2
		exit 1
	fi
}

say() {
	printf '%s: %s\n' "${0##*/}" "$*" >&2
}

# Runs a command quietly; prints the end of what it said only when it fails.
quietly() {
	local log status=0
	log=$(mktemp)
	run_child "$@" >"$log" 2>&1 || status=$?
	if [[ $status -ne 0 ]]; then
		echo "${0##*/}: this command failed: $*" >&2
		# Without ninja's lines of progress.
		grep -v '^\[[0-9]*/[0-9]*\] ' "$log" | tail -n 60 >&2
	fi
	rm -f "$log"
	return "$status"
}

# configure FOLDER [meson option]...: with CC from the environment.
configure() {
	local folder=$1
	shift
	if [[ -f $folder/build.ninja ]]; then
		return 0
	fi
	rm -rf "$folder"
	quietly meson setup "$folder" "$@"
}

# The build that ships: what demo, system tests and benchmarks run.
build_release() {
	configure build-rel -Dbuildtype=release
	quietly ninja -C build-rel app/penstock/penstock app/penstockctl/penstockctl \
		test-programs
	export PENSTOCK_BUILD=$ROOT/build-rel
}
