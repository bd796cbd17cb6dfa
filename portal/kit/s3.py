"""Evidence on a server that speaks S3: django-storages with short waits, and its outages as our kind of error."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from boto3.exceptions import Boto3Error  # type: ignore[import-untyped]
from botocore.config import Config  # type: ignore[import-untyped]
from botocore.exceptions import BotoCoreError, ClientError  # type: ignore[import-untyped]
from django.core.files.base import File
from storages.backends.s3 import S3File, S3Storage  # type: ignore[import-untyped]

from portal.kit.errors import RetryLater

CONNECT_SECONDS, READ_SECONDS, TRIES = 5, 30, 3


class EvidenceBucket(S3Storage):  # type: ignore[misc] # the library has no types
    """Files that no URL leads to. An empty text leaves the choice to the S3 client: the host's own region and role.

    Opening, saving and deleting raise RetryLater while the server is away; opening a missing file FileNotFoundError.
    """

    def __init__(
        self,
        *,
        bucket: str,
        endpoint_url: str = "",
        region: str = "",
        key: str = "",
        secret: str = "",
        encryption: str = "AES256",
    ) -> None:
        super().__init__(
            bucket_name=bucket,
            endpoint_url=endpoint_url or None,
            region_name=region or None,
            access_key=key or None,
            secret_key=secret or None,
            object_parameters={"ServerSideEncryption": encryption} if encryption else {},
            default_acl=None,
            file_overwrite=False,
            client_config=Config(
                connect_timeout=CONNECT_SECONDS,
                read_timeout=READ_SECONDS,
                retries={"mode": "standard", "total_max_attempts": TRIES},
                signature_version="s3v4",
                # Other servers than Amazon's rarely have a host name for each bucket.
                s3={"addressing_style": "path" if endpoint_url else "auto"},
            ),
        )

    def _open(self, name: str, mode: str = "rb") -> S3File:
        with _outages():
            file = super()._open(name, mode)
            file.open()  # fetched now: an outage while the answer is sent would cut it off
            return file

    def _save(self, name: str, content: File[bytes]) -> str:
        with _outages():
            return str(super()._save(name, content))

    def delete(self, name: str) -> None:
        with _outages():
            super().delete(name)

    def exists(self, name: str) -> bool:
        with _outages():
            return bool(super().exists(name))

    def url(self, *args: Any, **kwargs: Any) -> str:
        raise ValueError("Evidence has no URL of its own: it is served by our view, which checks who asks.")


@contextmanager
def _outages() -> Iterator[None]:
    try:
        yield
    except ClientError as error:
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        if status == 429 or status >= 500:
            raise RetryLater("The store of uploaded files does not answer.") from error
        raise
    except (BotoCoreError, Boto3Error) as error:
        raise RetryLater("The store of uploaded files does not answer.") from error
