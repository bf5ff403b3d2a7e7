# Copyright (c) 2026, egee.box contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How the VOMS modules find the server's database. Private to the collection."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  login_unix_socket:
    description: The socket of the MariaDB server on the host that the module runs on.
    type: path
    default: /run/mysqld/mysqld.sock
  login_user:
    description:
      - The database account to work as.
      - MariaDB lets it in by the Unix account that the module runs as, so become that one.
    type: str
    default: root
requirements:
  - PyMySQL (Debian's C(python3-pymysql)) on the host that the module runs on
notes:
  - Written for the database schema version 2 of VOMS, and tried with voms-server 2.1.2, voms-mysql-plugin 3.1.7
    and MariaDB 11.8.
  - The VOMS server reads the database at each request, so that no change needs a restart.
  - In check mode on a host that has no MariaDB server yet, the modules take it for an empty one.
"""
