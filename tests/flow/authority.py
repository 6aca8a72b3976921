# SPDX-License-Identifier: Apache-2.0
"""A certificate authority of the test's own, by openssl(1)."""
import os
import subprocess

_CONFIG = """
[ca]
default_ca = own
[own]
database = {folder}/index.txt
serial = {folder}/serial
new_certs_dir = {folder}
certificate = {folder}/ca.pem
private_key = {folder}/ca.key
default_md = sha256
default_days = 30
default_crl_days = 30
policy = any
unique_subject = no
copy_extensions = copy
[any]
commonName = supplied
[req]
distinguished_name = name
[name]
[v3_ca]
basicConstraints = critical,CA:TRUE
keyUsage = critical,keyCertSign,cRLSign
subjectKeyIdentifier = hash
"""


class Authority:
    """Signs certificates; `pem` is its own, `hashed()` a folder as the IGTF distributes it."""

    def __init__(self, folder, name="authority"):
        self.folder = os.path.join(folder, name)
        os.makedirs(self.folder, mode=0o700)
        self.config = os.path.join(self.folder, "openssl.cnf")
        with open(self.config, "w", encoding="ascii") as file:
            file.write(_CONFIG.format(folder=self.folder))
        for name_, text in (("index.txt", ""), ("serial", "1000\n")):
            with open(os.path.join(self.folder, name_), "w", encoding="ascii") as file:
                file.write(text)
        self.pem = os.path.join(self.folder, "ca.pem")
        self._openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout",
                      f"{self.folder}/ca.key", "-out", self.pem, "-subj", f"/CN={name}", "-days",
                      "30", "-extensions", "v3_ca")

    def _openssl(self, command, *words):
        subprocess.run(["openssl", command, "-config", self.config, *words]
                       if command in ("req", "ca") else ["openssl", command, *words],
                       check=True, capture_output=True, stdin=subprocess.DEVNULL, timeout=60)

    def issue(self, name, alternative="", days=None):
        """A key and a certificate in one file, as /CN=name; `days` (start, end) from now."""
        path = os.path.join(self.folder, name.replace("/", "_") + ".pem")
        key, request, signed = path + ".key", path + ".csr", path + ".crt"
        extra = ["-addext", f"subjectAltName={alternative}"] if alternative else []
        self._openssl("req", "-new", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out",
                      request, "-subj", f"/CN={name}", *extra)
        when = ["-startdate", days[0], "-enddate", days[1]] if days else []
        self._openssl("ca", "-batch", "-in", request, "-out", signed, "-notext", *when)
        with open(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600), "wb") as whole:
            for part in (signed, key):
                with open(part, "rb") as file:
                    whole.write(file.read())
        return path

    def proxy(self, owner):
        """An RFC 3820 proxy of a certificate: proxy, its key, then the owner's certificate."""
        path = owner + ".proxy"
        key, request, signed, config = path + ".key", path + ".csr", path + ".crt", path + ".cnf"
        with open(config, "w", encoding="ascii") as file:
            file.write("[proxy]\nkeyUsage = critical,digitalSignature\n"
                       "proxyCertInfo = critical,language:id-ppl-inheritAll\n")
        subject = subprocess.run(["openssl", "x509", "-in", owner, "-noout", "-subject", "-nameopt",
                                  "compat"], check=True, capture_output=True).stdout.decode()
        name = subject.split("=", 1)[1].strip().replace(" ", "")
        name = name if name.startswith("/") else "/" + name
        self._openssl("req", "-new", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out",
                      request, "-subj", f"{name}/CN=1234")
        self._openssl("x509", "-req", "-in", request, "-CA", owner, "-CAkey", owner, "-set_serial",
                      "1234", "-days", "1", "-extfile", config, "-extensions", "proxy", "-out",
                      signed)
        with open(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600), "wb") as whole:
            for part in (signed, key, owner + ".crt"):
                with open(part, "rb") as file:
                    whole.write(file.read())
        return path

    def revoke(self, path):
        self._openssl("ca", "-revoke", path + ".crt")

    def hashed(self, with_list=True):
        """A folder of hashed names, with the revocation list."""
        place = os.path.join(self.folder, "hashed")
        os.makedirs(place, exist_ok=True)
        with open(self.pem, "rb") as file, open(os.path.join(place, "ca.pem"), "wb") as copy:
            copy.write(file.read())
        if with_list:
            self._openssl("ca", "-gencrl", "-out", os.path.join(place, "ca.crl.pem"))
        self._openssl("rehash", place)
        return place
