#!/bin/sh
# Copyright (c) 2026, egee.box contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# The smallest job that says something: where it ran, as whom, and with which VOMS attributes. It
# finds them in the proxy that came with it, without any grid software on the worker node.
export LC_ALL=C
echo "host:      $(hostname -f)"
echo "account:   $(id -un), group $(id -gn)"
echo "time:      $(date -u '+%F %T') UTC"
openssl crl2pkcs7 -nocrl -certfile "$X509_USER_PROXY" -outform DER |
    grep -aoE '(/[[:alnum:]._-]+)+/Role=[[:alnum:]._-]+/Capability=NULL' |
    awk '!seen[$0]++ { print "attribute: " $0 }'
