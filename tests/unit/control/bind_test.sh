#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# drivers-conf: every data file is whole, and bind says the right things about a made-up /sys.
# Nothing is bound: --dry-run only.
set -eu

conf=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export BIND_SYSFS="$work/sys"
failures=0

# pci ADDRESS CLASS VENDOR DEVICE DRIVER INTERFACE IOMMU
pci() {
	folder="$BIND_SYSFS/bus/pci/devices/$1"
	mkdir -p "$folder" "$BIND_SYSFS/bus/pci/drivers/$5" "$BIND_SYSFS/class/net"
	printf '%s\n' "$2" >"$folder/class"
	printf '%s\n' "$3" >"$folder/vendor"
	printf '%s\n' "$4" >"$folder/device"
	[ "$5" = none ] || ln -s "$BIND_SYSFS/bus/pci/drivers/$5" "$folder/driver"
	if [ -n "$6" ]; then
		mkdir -p "$folder/net/$6" "$BIND_SYSFS/class/net/$6"
		ln -s "$folder" "$BIND_SYSFS/class/net/$6/device"
	fi
	if [ "$7" = yes ]; then
		mkdir -p "$BIND_SYSFS/groups/7/devices"
		ln -s "$folder" "$BIND_SYSFS/groups/7/devices/$1"
		ln -s "$BIND_SYSFS/groups/7" "$folder/iommu_group"
	fi
}

# expect STATUS TEXT ARGUMENT...
expect() {
	want=$1
	text=$2
	shift 2
	got=0
	output=$("$conf/bind" "$@" 2>&1) || got=$?
	if [ "$got" -ne "$want" ]; then
		printf 'bind %s: status %s, not %s: %s\n' "$*" "$got" "$want" "$output"
		failures=$((failures + 1))
	fi
	case $output in
	*"$text"*) ;;
	*)
		printf 'bind %s: no "%s" in: %s\n' "$*" "$text" "$output"
		failures=$((failures + 1))
		;;
	esac
}

pci 0000:3b:00.0 0x020000 0x8086 0x159b ice testice0 yes
pci 0000:3b:00.1 0x020000 0x8086 0x159b vfio-pci '' yes
pci 0000:5e:00.0 0x020000 0x15b3 0x101d mlx5_core testmlx0 no
pci 0000:00:06.0 0x020000 0x1d0f 0xec20 ena testena0 no
pci 0000:00:02.0 0x030000 0x8086 0x0001 none '' no
pci 0000:00:07.0 0x020000 0xffff 0x0001 none '' no

expect 0 'usage: bind' --help
expect 2 'usage: bind'
expect 2 'no option --frobnicate' --frobnicate
expect 0 '0000:3b:00.0  8086:159b  ice          testice0     ice' --status
expect 0 'would run: modprobe vfio-pci' -n 0000:3b:00.0
expect 0 'would run: dpdk-devbind.py --bind=vfio-pci 0000:3b:00.0' -n 0000:3b:00.0
expect 0 'would run: dpdk-devbind.py --bind=vfio-pci 0000:3b:00.0' -n 3b:00.0
expect 0 'would run: dpdk-devbind.py --bind=vfio-pci 0000:3b:00.0' -n testice0
expect 0 'would run: driverctl set-override 0000:3b:00.0 vfio-pci' -n --persist testice0
expect 0 'vfio-pci has it already' -n 0000:3b:00.1
expect 0 'would run: dpdk-devbind.py --bind=ice 0000:3b:00.1' -n --restore 0000:3b:00.1
expect 0 'would run: driverctl unset-override 0000:3b:00.1' -n --persist --restore 0000:3b:00.1
expect 0 'ice has it already' -n --restore testice0
expect 0 'nothing to bind' -n testmlx0
expect 1 'has no IOMMU' -n testena0
expect 0 'would write Y to' -n --noiommu testena0
expect 1 'is no network device' -n 0000:00:02.0
expect 1 'is in none of the data files' -n 0000:00:07.0
expect 1 'there is no PCI device or interface nothing0' -n nothing0

python3 - "$conf" <<'EOF' || failures=$((failures + 1))
import glob, json, sys
names, ids = set(), {}
for path in sorted(glob.glob(sys.argv[1] + "/*.json")):
    data = json.load(open(path))
    assert list(data) == ["name", "driver", "basis", "device", "bind", "queues", "rss",
                          "offloads", "limits", "pci_ids"], path
    assert data["bind"]["method"] in ("vfio-pci", "none"), path
    assert data["bind"]["method"] == "none" or data["bind"]["kernel_driver"], path
    assert data["queues"]["max"] is None or data["queues"]["max"] > 0, path
    assert set(data["rss"]["on"]) <= {"ipv4", "ipv6", "tcp", "udp"}, path
    assert set(data["offloads"]["tx_checksum"]) <= {"ipv4", "tcp", "udp"}, path
    assert data["limits"], path
    for pci_id in data["pci_ids"]:
        assert ids.setdefault(pci_id, path) == path, (pci_id, path)
    for driver in data["driver"]:
        assert driver not in names, driver
        names.add(driver)
assert len(ids) > 100 and len(names) >= 11, (len(ids), names)
EOF

[ $failures -eq 0 ] || exit 1
echo "all as expected"
