# Copyright (c) 2026, egee.box contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: ca_due
short_description: What a certificate authority in a directory has yet to do
version_added: 0.1.0
description:
  - Reads the directory of a certificate authority on the controller, and compares its certificates and its
    revocation list with what is wanted.
  - Nothing is written. Looking costs milliseconds, where asking a module for each certificate costs half a second.
  - In the directory lie C(ca.pem), C(ca.key) and C(crl.pem), and C(hosts/NAME.pem), C(hosts/NAME.key),
    C(users/NAME.pem) and C(users/NAME.key). Files named C(NAME.pem.*) are certificates that were replaced;
    they are revoked with the others.
requirements:
  - cryptography, in the controller's Python
author:
  - egee.box contributors (@egee-box)
options:
  _terms:
    description: The directory of the CA.
    type: list
    elements: path
    required: true
  dn:
    description: The name of the CA, in slash form.
    type: str
    required: true
  domain:
    description: The DNS domain that the names of hosts and users derive from.
    type: str
    required: true
  hosts:
    description: Names of the hosts to certify, fully qualified.
    type: list
    elements: str
    default: []
  users:
    description:
      - Users to certify, each with C(name), C(cn) and C(email), and C(dn) where it is not to derive from C(cn).
    type: list
    elements: dict
    default: []
  revoked:
    description: Names of hosts and users whose certificates are revoked. They get no new ones.
    type: list
    elements: str
    default: []
  renew_before:
    description: A certificate with fewer days left than this is due.
    type: int
    default: 30
  crl_renew_before:
    description: A revocation list with fewer days left than this is due.
    type: int
    default: 30
  renew:
    description: Names of hosts and users whose certificates are due before their end, if they are old enough.
    type: list
    elements: str
    default: []
  renew_crl:
    description: Whether the revocation list is due before its end, if it is old enough.
    type: bool
    default: false
  renew_age:
    description: How many seconds ago what is due before its end must have begun to hold.
    type: int
    default: 86400
"""

EXAMPLES = r"""
- name: Show which certificates are due
  ansible.builtin.debug:
    msg: "{{ due.certificates | map(attribute='name') }}"
  vars:
    due: "{{ lookup('egee.box.ca_due', '/var/lib/egee.box/EGEE-BOX/ca', dn='/DC=test/DC=egee/CN=EGEE-BOX CA',
             domain='egee.test', hosts=['voms.egee.test']) }}"
"""

RETURN = r"""
_raw:
  description: One dictionary for each directory.
  type: list
  elements: dict
  contains:
    ca:
      description: Why the CA's own certificate is due; null if it is not.
      type: str
    crl:
      description: Why the revocation list is due; null if it is not.
      type: str
    serials:
      description: The serial numbers that the list still lacks, in decimal.
      type: list
      elements: str
    subject:
      description: The CA's name as ordered components.
      type: list
      elements: dict
    links:
      description:
        - The names, without a suffix, under which OpenSSL and Globus look for the CA among the trust anchors.
          Empty as long as there is no CA.
      type: list
      elements: str
    certificates:
      description:
        - The certificates to issue, each with C(name), C(why), C(path) without its suffix, C(subject) as ordered
          components, C(alternative_names), C(usages), and C(new_key) which is true where the old key must not be
          used again.
      type: list
      elements: dict
"""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleLookupError
from ansible.module_utils.basic import missing_required_lib
from ansible.plugins.lookup import LookupBase
from ansible_collections.egee.box.plugins.module_utils._grid import GridError
from ansible_collections.egee.box.plugins.plugin_utils._ca_directory import Request, survey
from ansible_collections.egee.box.plugins.plugin_utils._pki import HAS_CRYPTOGRAPHY


class LookupModule(LookupBase):
    def run(self, terms: list[str], variables: dict[str, Any] | None = None, **kwargs: Any) -> list[dict[str, Any]]:
        if not HAS_CRYPTOGRAPHY:
            raise AnsibleLookupError(f"ca_due: {missing_required_lib('cryptography')}")
        untyped: Any = self  # Ansible does not annotate how plugins read their options.
        untyped.set_options(var_options=variables, direct=kwargs)
        options: dict[str, Any] = untyped.get_options()
        request = Request(
            dn=options["dn"],
            domain=options["domain"],
            hosts=options["hosts"],
            users=options["users"],
            revoked=options["revoked"],
            renew_before=timedelta(days=options["renew_before"]),
            crl_renew_before=timedelta(days=options["crl_renew_before"]),
            renew=options["renew"],
            renew_crl=options["renew_crl"],
            renew_age=timedelta(seconds=options["renew_age"]),
        )
        try:
            return [survey(Path(term), request, datetime.now(UTC)) for term in terms]
        except (GridError, OSError) as error:
            raise AnsibleLookupError(f"ca_due: {error}") from error
