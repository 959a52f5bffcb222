"""Settings of Kafka clients: checked, completed, and never shown with their secrets."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from time import monotonic
from typing import Any

from onlineml.schema import wrong

LOG = logging.getLogger("onlineml.kafka")

#: Parts of names of settings whose values are nobody's business.
_SECRET = re.compile(
    r"password|secret|token|key\.pem|ssl\.key|private|jaas|sasl\.oauthbearer\.config"
)
_HIDDEN = "***"
_SILENCE = 10.0  # seconds


#: What both kinds of clients are told unless users say otherwise.
USUAL = {"client.id": "onlineml", "log_level": 2}  # errors come to `Complaints`


def client() -> Any:
    """The module `confluent_kafka`."""
    try:
        import confluent_kafka
    except ImportError as error:
        raise ImportError("Kafka needs confluent-kafka: pip install 'onlineml[kafka]'") from error
    return confluent_kafka


def shown(config: Mapping[str, Any]) -> dict[str, Any]:
    """Settings without secrets.

    Examples
    --------
    >>> shown({"bootstrap.servers": "broker:9093", "sasl.password": "geheim"})
    {'bootstrap.servers': 'broker:9093', 'sasl.password': '***'}
    """
    return {name: _HIDDEN if _SECRET.search(name) else value for name, value in config.items()}


def settled(
    given: Mapping[str, Any], *, usual: Mapping[str, Any], fixed: Mapping[str, Any]
) -> dict[str, Any]:
    """The settings of a client: the usual ones, those given, and those that have to be so.

    Raises
    ------
    ValueError
        Where brokers are missing, or a setting is given that has to be another.
    """
    if not given.get("bootstrap.servers"):
        raise wrong("config['bootstrap.servers']", None, "brokers, such as 'localhost:9092'")
    for name, value in fixed.items():
        if name in given and str(given[name]).lower() != str(value).lower():
            raise wrong(f"config[{name!r}]", given[name], f"{value!r}, on which all else relies")
    return {**usual, **given, **fixed}


def made(kind: Any, config: Mapping[str, Any]) -> Any:
    """A client of some kind; its own log goes to the logger `onlineml.kafka`.

    Raises
    ------
    ValueError
        Where it refuses a setting; the text holds no secret.
    """
    try:
        return kind(dict(config), logger=LOG)
    except (client().KafkaException, TypeError, ValueError) as error:
        raise ValueError(f"config: {without_secrets(reason(error), config)}") from None


def without_secrets(text: str, config: Mapping[str, Any]) -> str:
    """A text in which the values of secret settings are hidden."""
    for name, value in config.items():
        if _SECRET.search(name) and value:
            text = text.replace(str(value), _HIDDEN)
    return text


def reason(error: Any) -> str:
    """What a client's error says."""
    inner = error.args[0] if isinstance(error, BaseException) and error.args else error
    return str(inner.str() if hasattr(inner, "str") else inner)


class Complaints:
    """What a client says about brokers that it cannot reach, again and again, told now and then."""

    def __init__(self) -> None:
        self.last = ""
        self._told: dict[int, float] = {}  # kind of error -> when it was logged

    def note(self, error: Any) -> None:
        """Keep an error, and log it unless one of its kind was logged a short time ago."""
        code, now = error.code(), monotonic()
        if code != client().KafkaError._ALL_BROKERS_DOWN or not self.last:
            self.last = reason(error)
        if now - self._told.get(code, -_SILENCE) >= _SILENCE:
            self._told[code] = now
            LOG.warning("%s", reason(error))
