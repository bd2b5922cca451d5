"""`meshpilot ca`: certificates of a mesh's CA, for people.

In: directories and files. Out: a new CA for several clusters (`init`), whether one would be accepted (`verify`), what
certificates say (`inspect`). The commands that change the root of a running control plane are in `rollover.py`.
"""

import pathlib
import sys
from datetime import timedelta

import click
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from ca import hierarchy, plugged_in
from ca.authn.local_issuer import utc_now
from ca.authority import random_serial
from ca.bundle import decode_certificates
from ca.errors import BundleError, CaError
from pilot.cli import rollover
from pilot.cli.discovery import DURATION

_TIME = "%Y-%m-%d %H:%M:%SZ"


@click.group()
def ca() -> None:
    """Make, check and read the certificates of a mesh's CA."""


ca.add_command(rollover.rotate)
ca.add_command(rollover.status)


@ca.command()
@click.argument("directory", type=click.Path(path_type=pathlib.Path, file_okay=False))
@click.option("--cluster", "clusters", multiple=True, required=True, help="one for each control plane; repeat it")
@click.option(
    "--organization", default="cluster.local", show_default=True, help="in the names, mostly the trust domain"
)
@click.option("--rsa", "is_rsa", is_flag=True, help="RSA-3072 keys instead of P-256")
@click.option("--root-lifetime", type=DURATION, default=hierarchy.ROOT_LIFETIME, show_default="87600h")
@click.option("--lifetime", type=DURATION, default=hierarchy.INTERMEDIATE_LIFETIME, show_default="17520h")
def init(
    directory: pathlib.Path,
    clusters: tuple[str, ...],
    organization: str,
    is_rsa: bool,
    root_lifetime: timedelta,
    lifetime: timedelta,
) -> None:
    """Makes a common root in DIRECTORY/root and an intermediate in DIRECTORY/<cluster> for each --cluster.

    A root that is there already is used again. A cluster's files are those of ROOT_CA_DIR and of the Secret `cacerts`.
    """
    try:
        made = hierarchy.initialize(
            directory,
            clusters,
            organization,
            now=utc_now(),
            new_serial=random_serial,
            is_rsa=is_rsa,
            root_lifetime=root_lifetime,
            lifetime=lifetime,
        )
    except CaError as error:
        raise click.ClickException(str(error)) from error
    for path in made:
        click.echo(f"{path}: plug it in with ROOT_CA_DIR={path}")
    click.echo(
        f"{directory / hierarchy.ROOT_DIRECTORY}: the root's key is needed to add a cluster only; keep it offline"
    )


@ca.command()
@click.argument("directory", type=click.Path(path_type=pathlib.Path, exists=True, file_okay=False))
def verify(directory: pathlib.Path) -> None:
    """Tells whether a control plane would accept the plugged-in CA in DIRECTORY, and why not. Exits with 1 if not."""
    try:
        if not plugged_in.is_plugged_in(directory):
            raise BundleError(f"{directory}: no CA: expected {', '.join(plugged_in.NATIVE.files)}")
        found = plugged_in.load(directory, now=utc_now())
    except CaError as error:
        raise click.ClickException(str(error)) from error
    expiry = found.certificate.not_valid_after_utc
    click.echo(f"{directory}: good: {found.certificate.subject.rfc4514_string()}, valid until {expiry:{_TIME}},")
    click.echo(f"  {len(found.chain)} certificate(s) in its chain, {len(found.root_certificates)} root(s)")


@ca.command()
@click.argument(
    "files", nargs=-1, type=click.Path(path_type=pathlib.Path, exists=True, dir_okay=False, allow_dash=True)
)
def inspect(files: tuple[pathlib.Path, ...]) -> None:
    """Prints what the certificates in FILES (PEM; none or `-`: standard input) say."""
    for path in files or (pathlib.Path("-"),):
        is_input = str(path) == "-"
        content = sys.stdin.buffer.read() if is_input else path.read_bytes()
        try:
            certificates = decode_certificates(content, "standard input" if is_input else str(path))
        except CaError as error:
            raise click.ClickException(str(error)) from error
        for number, each in enumerate(certificates, 1):
            click.echo(f"{'standard input' if is_input else path}, certificate {number} of {len(certificates)}")
            for name, value in describe(each):
                click.echo(f"  {name + ':':<11}{value}")


def describe(certificate: x509.Certificate) -> list[tuple[str, str]]:
    """What a person asks of a certificate: (name, value)."""
    key = certificate.public_key()
    match key:
        case rsa.RSAPublicKey():
            kind = f"RSA {key.key_size}"
        case ec.EllipticCurvePublicKey():
            kind = f"EC {key.curve.name}"
        case _:
            kind = type(key).__name__
    lines = [
        ("subject", certificate.subject.rfc4514_string() or "(none)"),
        ("issuer", certificate.issuer.rfc4514_string() or "(none)"),
        ("valid", f"{certificate.not_valid_before_utc:{_TIME}} to {certificate.not_valid_after_utc:{_TIME}}"),
        ("key", kind),
        ("serial", f"{certificate.serial_number:x}"),
        ("sha256", certificate.fingerprint(hashes.SHA256()).hex()),
    ]
    try:
        for each in certificate.extensions:
            match each.value:
                case x509.SubjectAlternativeName() as names:
                    lines += [("name", str(name.value)) for name in names]
                case x509.BasicConstraints(ca=True, path_length=length):
                    lines.append(("CA", "yes" if length is None else f"yes, with {length} CAs below it"))
                case _:
                    pass
    except (ValueError, x509.DuplicateExtension):
        lines.append(("extensions", "unreadable"))
    return lines
