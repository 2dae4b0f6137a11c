"""The one LISTEN connection: what is heard, and what happens when nothing is."""

from __future__ import annotations

import asyncio

import pytest

from api.db.embedded import EmbeddedServer
from api.db.listen import Listener
from api.db.pool import Database
from tests.jobs.waiting import PATIENCE, until


async def notify(database: Database, channel: str, payload: str) -> None:
    async with database.pool.connection() as connection:
        await connection.execute("SELECT pg_notify(%s, %s)", (channel, payload))


async def test_every_subscriber_hears_its_channel_alone(database: Database) -> None:
    news: list[str | None] = []
    more: list[str | None] = []
    others: list[str | None] = []
    async with Listener(database, ["news", "weather"]) as listener:
        listener.subscribe("news", news.append)
        unsubscribe = listener.subscribe("news", more.append)
        listener.subscribe("weather", others.append)
        await asyncio.wait_for(listener.wait_live(), PATIENCE)
        await notify(database, "news", "one")
        await until(lambda: "one" in more)
        unsubscribe()
        await notify(database, "news", "two")
        await until(lambda: "two" in news)
    assert [payload for payload in news if payload] == ["one", "two"]
    assert [payload for payload in more if payload] == ["one"]
    assert [payload for payload in others if payload] == []


async def test_a_failing_subscriber_does_not_silence_the_others(database: Database) -> None:
    heard: list[str | None] = []

    def fail(_: str | None) -> None:
        raise RuntimeError("deaf")

    async with Listener(database, ["news"]) as listener:
        listener.subscribe("news", fail)
        listener.subscribe("news", heard.append)
        await asyncio.wait_for(listener.wait_live(), PATIENCE)
        await notify(database, "news", "one")
        await until(lambda: "one" in heard)


async def test_only_declared_channels_can_be_heard(database: Database) -> None:
    with pytest.raises(KeyError):
        Listener(database, ["news"]).subscribe("gossip", lambda _: None)


async def test_after_its_backend_is_terminated_it_listens_again_and_says_so(
    database: Database,
) -> None:
    heard: list[str | None] = []
    async with Listener(database, ["news"], poll_seconds=0.2) as listener:
        await asyncio.wait_for(listener.wait_live(), PATIENCE)
        listener.subscribe("news", heard.append)
        async with database.pool.connection() as connection:
            cursor = await connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE application_name = 'firstbell listen' AND datname = current_database()"
            )
            assert await cursor.fetchall() == [(True,)]
        # None: whatever was said meanwhile has to be looked for.
        await until(lambda: None in heard)
        await asyncio.wait_for(listener.wait_live(), PATIENCE)
        await notify(database, "news", "again")
        await until(lambda: "again" in heard)


async def test_where_notifications_do_not_arrive_subscribers_look_by_themselves(
    database: Database, server: EmbeddedServer
) -> None:
    # A notification stays in its database, so listening in another one is as deaf as a pooler.
    database.listen_url = server.url("postgres")
    heard: list[str | None] = []
    async with Listener(database, ["news"], poll_seconds=0.05) as listener:
        listener.subscribe("news", heard.append)
        await until(lambda: len(heard) > 5)
        assert not listener.live
    assert set(heard) == {None}


async def test_while_the_server_is_away_subscribers_look_by_themselves(database: Database) -> None:
    database.listen_url = "postgresql://127.0.0.1:1/nowhere"
    heard: list[str | None] = []
    async with Listener(database, ["news"], poll_seconds=0.05) as listener:
        listener.subscribe("news", heard.append)
        await until(lambda: len(heard) > 3)
        assert not listener.live
    assert set(heard) == {None}


async def test_a_stream_gives_payloads_until_the_process_stops(database: Database) -> None:
    listener = Listener(database, ["news", "weather"])
    heard: list[tuple[str, str | None]] = []

    async def read() -> None:
        heard.extend([told async for told in listener.stream("news", "weather")])

    reader = asyncio.create_task(read())
    async with listener:
        await asyncio.wait_for(listener.wait_live(), PATIENCE)
        await notify(database, "news", "one")
        await notify(database, "weather", "rain")
        await notify(database, "news", "two")
        await asyncio.sleep(0.2)
        listener.end_streams()
        await asyncio.wait_for(reader, PATIENCE)
    assert [told for told in heard if told[1]] == [
        ("news", "one"),
        ("weather", "rain"),
        ("news", "two"),
    ]


async def test_a_stream_that_reads_too_slowly_is_told_to_look(database: Database) -> None:
    async with Listener(database, ["news"]) as listener:
        stream = listener.stream("news")
        await asyncio.wait_for(listener.wait_live(), PATIENCE)
        first = asyncio.ensure_future(anext(stream))
        await asyncio.sleep(0)
        async with database.pool.connection() as connection:
            await connection.execute(
                "SELECT pg_notify('news', n::text) FROM generate_series(1, 1000) n"
            )
        seen = [await asyncio.wait_for(first, PATIENCE)]
        # What comes in one packet is more than a stream holds for its reader.
        while seen[-1] != ("news", "1000"):
            seen.append(await asyncio.wait_for(anext(stream), PATIENCE))
        assert ("news", None) in seen
        assert len(seen) < 1000
        await stream.aclose()
