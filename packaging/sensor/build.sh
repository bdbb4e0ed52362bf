#!/bin/sh
# build.sh BINARY VERSION OUT: packs a sensor for Debian around a built program. `cargo xtask package` calls it.
set -eu
[ $# = 3 ] || { echo "build.sh BINARY VERSION OUT" >&2; exit 2; }
binary=$1 version=$2 out=$3
here=$(dirname "$(readlink -f "$0")")
tree=$(mktemp -d)
trap 'rm -rf "$tree"' EXIT
install -D -m 0755 "$binary" "$tree/usr/bin/noroshi"
install -D -m 0755 "$here/noroshi-sensor-setup" "$tree/usr/sbin/noroshi-sensor-setup"
for unit in "$here"/*.service "$here"/*.timer; do
    install -D -m 0644 "$unit" "$tree/usr/lib/systemd/system/$(basename "$unit")"
done
install -D -m 0644 "$here/../../LICENSE" "$tree/usr/share/doc/noroshi-sensor/copyright"
install -d "$tree/DEBIAN"
install -m 0755 "$here/postinst" "$here/prerm" "$tree/DEBIAN/"
cat > "$tree/DEBIAN/control" << CONTROL
Package: noroshi-sensor
Version: $version
Architecture: $(dpkg --print-architecture)
Maintainer: The Noroshi developers <noroshi@noroshi.invalid>
Depends: libc6, adduser, util-linux
Recommends: systemd
Section: net
Priority: optional
Installed-Size: $(du -sk "$tree" | cut -f1)
Description: sensor of Noroshi: selects mechanical information from telemetry
 Reads logs of Zeek and Suricata, flow exports and captures on the operator's
 own machine, keeps mechanical fields of what a selector matched and nothing
 else, and certifies what it looked at, kept and let go.
CONTROL
mkdir -p "$out"
dpkg-deb -Zzstd --root-owner-group --build "$tree" "$out" > /dev/null
echo "$out/noroshi-sensor_${version}_$(dpkg --print-architecture).deb"
