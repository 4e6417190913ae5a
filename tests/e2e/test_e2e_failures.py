"""What can go wrong at the provider: each failure has its words, its line, its exit code."""

from collections import Counter
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest
from _pytest.mark import ParameterSet
from e2e_kit import CONFIG, KEY_NAME, Project, Shop, clean_env, normal, web_server

from reconciler.sandbox import Sandbox, SandboxSettings
from reconciler.sandbox.faults import fault_from_json

pytest_plugins = ["e2e_fixtures"]
pytestmark = pytest.mark.slow

THREE = """\
images:
  owl:
    prompt: a brass owl
    variants:
      large: {upscale: subtle, of: 1}
  fox: {prompt: a paper fox}
"""
MODERATED = THREE.replace("a brass owl", '"a brass owl [sandbox: SensitiveContentDetected]"')
ProjectAt = Callable[[str], Project]


def test_moderation_fails_its_own_branch_only(project: Project) -> None:
    """failCode, message, the prompt's line with a caret, a hint; exit 5; the sibling is bought."""
    project.spec(MODERATED)
    ran = project("apply", "--yes").exits(5)
    assert normal(ran.out.split("sync.\n")[1]) == (
        "\n"
        "error: owl: failed: SensitiveContentDetected: Failed because the prompt asked for it\n"
        " --> specs/library.yaml:3:13\n"
        "  |\n"
        '3 |     prompt: "a brass owl [sandbox: SensitiveContentDetected]"\n'
        "  |             ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^\n"
        "  = hint: change the prompt (or the reference pictures);"
        " the same request would be refused again\n"
        "\n"
        "Applied: 1 bought for $0.20, 1 failed ($0.20), 1 blocked.\n"
        "Pictures: ASSETS\n"
    )
    assert "owl.large: blocked: owl is not there\n" in ran.err
    assert project.views() == [f"fox.{number}.png" for number in (1, 2, 3, 4)]


def test_a_moderated_prompt_is_bought_again_only_when_asked_or_changed(
    project: Project, shop: Shop
) -> None:
    """The next apply leaves it alone (still 5); --retry-failed buys it; another prompt does."""
    project.spec(MODERATED)
    project("apply", "--yes").exits(5)
    with shop.untouched():
        again = project("apply", "--yes").exits(5)
        assert again.err == ""
        assert "blocked  owl " in again.out
        assert "failed, and would fail again; change it, or say --retry-failed (" in again.out
    project("apply", "--yes", "--retry-failed").exits(5)
    assert Counter(shop.charges())[SENSITIVE] == 2
    project.spec(THREE)
    project("plan", "--detailed-exitcode").exits(2)
    project("apply", "--yes").exits(0)
    assert Counter(shop.charges()) == {
        SENSITIVE: 2,
        "text-to-image a brass owl": 1,
        "upscale a brass owl": 1,
        "text-to-image a paper fox": 1,
    }


SENSITIVE = "text-to-image a brass owl [sandbox: SensitiveContentDetected]"


@pytest.mark.slow
def test_a_passing_failure_is_tried_by_the_next_apply(project: Project, shop: Shop) -> None:
    """`Task TimeOut` may work next time: exit 5 now, bought by the next apply."""
    shop.faults({"where": "submit", "action": "fail", "code": "Task TimeOut", "mode": "upscale"})
    project.spec(THREE)
    assert "hint: the next apply may buy it again" in project("apply", "--yes").exits(5).out
    plan = project("plan", "--detailed-exitcode").exits(2).out
    assert "failed before, may work now (Task TimeOut: " in plan
    project("apply", "--yes").exits(0)
    assert Counter(shop.charges())["upscale a brass owl"] == 2


@pytest.mark.parametrize(
    ("status", "advice"),
    [
        (401, "check the API key in the environment"),
        (402, "top up the account, then run apply again"),
        (403, "the key may not use this model: ask APIXO"),
    ],
)
def test_a_key_that_cannot_buy_stops_everything_at_once(
    project: Project, shop: Shop, status: int, advice: str
) -> None:
    """One refusal is enough: no other submission leaves, even with a slow rate limit."""
    project.edit("reconciler.yaml", "concurrent: 10", "concurrent: 1")
    images = "".join(f"  image{number}: {{prompt: owl {number}}}\n" for number in range(30))
    project.spec(f"images:\n{images}")
    shop.faults({"where": "submit", "action": "status", "status": status, "times": None})
    ran = project("apply", "--yes").exits(5)
    assert shop.requests()["submit"] == 1
    assert shop.ledger() == []
    assert f"error: image0: failed: {status}: " in ran.out
    assert f"hint: {advice}" in ran.out
    assert "image1: not sent: apixo refuses everything: " in ran.out
    more = ", ".join(f"image{number}" for number in range(2, 10))
    assert f"\nThe same: {more} and 20 more.\n\nApplied: 1 failed, 29 not sent.\n" in ran.out
    shop.faults()
    assert project("plan", "--detailed-exitcode").exits(2).out.count(" buy ") == 30


def test_halting_does_not_wait_for_the_rate_limit(project: Project, shop: Shop) -> None:
    """With one request a minute, thirty siblings of a refused one do not wait for half an hour."""
    project.edit("reconciler.yaml", "requests_per_minute: 100000", "requests_per_minute: 1")
    images = "".join(f"  image{number}: {{prompt: owl {number}}}\n" for number in range(30))
    project.spec(f"images:\n{images}")
    shop.faults({"where": "submit", "action": "status", "status": 401, "times": None})
    assert "Applied: 1 failed, 29 not sent.\n" in project("apply", "--yes").exits(5).out


def page(status: int, **headers: str) -> Callable[[BaseHTTPRequestHandler], None]:
    """Answer everything with a web page."""

    def answer(request: BaseHTTPRequestHandler) -> None:
        request.send_response(status)
        for name, value in headers.items():
            request.send_header(name, value)
        request.end_headers()
        request.wfile.write(b"<html><body>It works!</body></html>")

    return answer


def test_a_base_url_that_is_no_api(project_at: ProjectAt) -> None:
    """A 404 web page is no answer of the API: refused, nothing charged, `base_url` is named."""
    with web_server(page(404)) as (base_url, asked):
        project = project_at(base_url)
        project.spec("images:\n  owl: {prompt: a brass owl}\n")
        ran = project("apply", "--yes").exits(5)
    assert "owl: failed: 404: not an answer of APIXO's API: " in ran.out
    assert "hint: check `base_url` in reconciler.yaml\n" in ran.out
    assert asked == [
        "GET /api/v1/apikeys/current-balance",
        "POST /api/v1/generateTask/midjourney",
    ]


def test_a_redirecting_base_url_is_not_followed(project_at: ProjectAt, shop: Shop) -> None:
    """The key goes to the configured host only; the message says what to correct."""
    with web_server(page(307, Location=f"{shop.base_url}/generateTask/midjourney")) as (url, asked):
        project = project_at(url)
        project.spec("images:\n  owl: {prompt: a brass owl}\n")
        ran = project("apply", "--yes").exits(5)
    assert "owl: failed: 307: " in ran.out
    assert "hint: check `base_url` in reconciler.yaml\n" in ran.out
    assert len(asked) == 2, "the balance and one submission, each once"
    assert set(shop.requests().values()) == {0}


@pytest.mark.slow
def test_an_unreachable_host(project_at: ProjectAt) -> None:
    """Nothing is sent, a few tries, then a clear end; nothing is left to decide."""
    with web_server(page(500)) as (base_url, _):
        pass
    project = project_at(base_url)
    project.spec("images:\n  owl: {prompt: a brass owl}\n  fox: {prompt: a paper fox}\n")
    ran = project("apply", "--yes").exits(5)
    assert "owl: not sent: apixo: no connection to 127.0.0.1: " in ran.out
    assert "check `base_url` and the network, then run apply again later\n" in ran.out
    assert "Applied: 2 not sent.\n" in ran.out
    assert project("status").exits(0).out.endswith("Spent or reserved this month: $0.00.\n")


def slow(fault: dict[str, Any]) -> ParameterSet:
    """One more of a kind."""
    return pytest.param(fault, marks=pytest.mark.slow)


@pytest.mark.parametrize(
    "fault",
    [
        {"action": "garbage"},
        slow({"action": "garbage", "json": True}),
        {"action": "drop_after"},
        slow({"action": "status_after", "status": 502, "html": True}),
        slow({"action": "status_after", "status": 504}),
    ],
    ids=lambda fault: "-".join(map(str, fault.values())),
)
def test_an_unusable_answer_to_a_submission_is_a_doubt(
    project: Project, shop: Shop, fault: dict[str, Any]
) -> None:
    """Perhaps paid (here it was): exit 7, never sent again, the sibling is bought."""
    project.spec(THREE)
    shop.faults({"where": "submit", "prompt_contains": "owl", **fault})
    ran = project("apply", "--yes").exits(7)
    assert "error: owl: in doubt: the request left and no usable answer came back: " in ran.out
    assert "hint: it is never sent again by itself" in ran.out
    assert "Applied: 1 bought for $0.20, 1 in doubt ($0.20), 1 blocked.\n" in ran.out
    with shop.untouched():
        project("apply", "--yes", "--retry-failed").exits(7)
    assert shop.charges() == ["text-to-image a brass owl", "text-to-image a paper fox"]


@pytest.mark.parametrize(
    "fault",
    [
        {"action": "status", "status": 429, "retry_after": 0.2},
        slow({"action": "status", "status": 500}),
        slow({"action": "status", "status": 503, "retry_after": 1}),
    ],
    ids=lambda fault: str(fault["status"]),
)
def test_a_refusal_that_passes_is_tried_again(
    project: Project, shop: Shop, fault: dict[str, Any]
) -> None:
    """429, 500 and 503 of the API itself prove that nothing was accepted: sent again, paid once."""
    project.spec("images:\n  owl: {prompt: a brass owl}\n")
    shop.faults({"where": "submit", **fault})
    ran = project("apply", "--yes").exits(0)
    assert f"{fault['status']}" in ran.err
    assert "trying again in " in ran.err
    assert shop.charges() == ["text-to-image a brass owl"]
    assert shop.requests()["submit"] == 2


@pytest.mark.parametrize(
    "fault",
    [
        {"action": "garbage"},
        slow({"action": "status", "status": 502, "html": True}),
        slow({"action": "drop_before"}),
    ],
    ids=lambda fault: str(fault["action"]),
)
def test_trouble_while_waiting_only_means_asking_again(
    project: Project, shop: Shop, fault: dict[str, Any]
) -> None:
    """A status answer that cannot be read is no verdict: the task is asked for again."""
    project.spec("images:\n  owl: {prompt: a brass owl}\n")
    shop.faults({"where": "status", **fault})
    assert "; trying again in " in project("apply", "--yes").exits(0).err
    assert shop.charges() == ["text-to-image a brass owl"]


BROKEN_DOWNLOADS: dict[str, tuple[dict[str, Any], str]] = {
    "page": ({"action": "not_a_picture"}, "what came is not a picture"),
    "cut": ({"action": "truncate"}, "what came is not a picture"),
    "noise": ({"action": "corrupt"}, "what came is not a picture"),
    "status": ({"action": "status", "status": 503}, "the connection failed: answered 503"),
}
SLOWLY = [pytest.param(name, marks=pytest.mark.slow) for name in ("cut", "noise", "status")]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["page", *SLOWLY])
def test_a_broken_download_keeps_what_was_paid(folder: Project, name: str) -> None:
    """Exit 5, nothing half-written is kept, and the next apply fetches without buying."""
    fault, words = BROKEN_DOWNLOADS[name]
    folder("init").exits(0)
    folder.edit("reconciler.yaml", "    speed: 20 ", "    speed: 500 ")
    folder.spec("images:\n  owl: {prompt: a brass owl, pick: 1}\n", "pictures")
    database = folder.root / "state/sandbox.db"
    order(database, {"where": "download", "times": 4 * 3, "after": 1, **fault})
    ran = folder("apply").exits(5)
    assert f"error: owl: paid, not downloaded: {words}" in ran.out
    assert "hint: it is paid: run apply again to fetch it (its link should live until 20" in ran.out
    assert "Applied: 1 paid, not downloaded ($0.20).\n" in ran.out
    assert len(folder.objects()) == 1
    assert not list((folder.assets / ".objects/tmp").iterdir())
    plan = folder("plan", "--detailed-exitcode").exits(3).out
    assert plan.startswith(" fetch  owl  imagine    paid, not downloaded yet\n")
    assert "Applied: 1 done for free.\n" in folder("apply").exits(0).out
    assert folder("plan").exits(0).out.startswith("No changes")


def order(database: Path, rule: dict[str, Any]) -> None:
    """Order a fault of an embedded sandbox: its database is where it looks."""
    sandbox = Sandbox(SandboxSettings(database=database))
    sandbox.order(fault_from_json(rule))
    sandbox.close()


@pytest.mark.parametrize(
    ("fault", "words", "hint"),
    [
        (
            {"action": "huge", "megabytes": 10_000},
            "it is too large: 10,000,000,000 bytes are announced",
            "it is paid: run apply again to fetch it (its link should live until 20",
        ),
        pytest.param(
            {"action": "status", "status": 404},
            "the link no longer works: answered 404",
            "it is paid: run apply again to fetch it (its link should live until 20",
            marks=pytest.mark.slow,  # a link that dies early may be late: it gets half a minute
        ),
    ],
    ids=["announced", "gone"],
)
def test_a_download_that_cannot_work_is_not_repeated(
    project: Project, shop: Shop, fault: dict[str, Any], words: str, hint: str
) -> None:
    """Ten gigabytes or a dead link: told at once; paid stays paid, the next apply fetches."""
    project.spec("images:\n  owl: {prompt: a brass owl}\n")
    shop.faults({"where": "download", "times": None, **fault})
    ran = project("apply", "--yes").exits(5)
    assert f"error: owl: paid, not downloaded: {words}\n" in ran.out
    assert f"hint: {hint}" in ran.out
    shop.faults()
    project("apply", "--yes").exits(0)
    assert shop.charges() == ["text-to-image a brass owl"]
    assert len(project.objects()) == 4


@pytest.mark.slow
def test_an_endless_download_is_cut(project: Project, shop: Shop) -> None:
    """Without an announced size it is stopped at the limit, the disk is not filled."""
    project.spec("images:\n  owl: {prompt: a brass owl}\n")
    endless = {"action": "huge", "megabytes": None, "content_length": False}
    shop.faults({"where": "download", **endless})
    ran = project("apply", "--yes").exits(5)
    assert "paid, not downloaded: it is too large: " in ran.out
    assert len(project.objects()) == 3
    assert not list((project.assets / ".objects/tmp").iterdir())
    project("apply").exits(0)
    assert len(shop.charges()) == 1


@pytest.mark.slow
def test_a_slow_download_is_waited_for(project: Project, shop: Shop) -> None:
    """A trickle is no failure."""
    project.spec("images:\n  owl: {prompt: a brass owl}\n")
    shop.faults({"where": "download", "action": "slow", "bytes_per_second": 3000})
    project("apply", "--yes").exits(0)
    assert len(project.objects()) == 4


def test_fewer_pictures_than_usual_are_taken_as_they_are(project: Project, shop: Shop) -> None:
    """Two of four came: shown, done, and a pick beyond them asks a person (exit 4)."""
    project.spec("images:\n  owl: {prompt: a brass owl, pick: 1}\n")
    shop.faults({"where": "submit", "action": "fewer", "pictures": 2})
    ran = project("apply", "--yes").exits(0)
    assert "note: owl: candidates 3, 4 not delivered; the task is paid as it is\n" in ran.out
    assert project("show", "owl").exits(0).out.count("not delivered") == 2
    assert project.views() == ["owl.1.png", "owl.2.png", "owl.png"]
    project.edit("specs/library.yaml", "pick: 1", "pick: 4")
    ran = project("apply", "--yes")
    assert "that candidate was not delivered (choose among 1, 2)" in project("plan").exits(0).out
    assert ran.code in (0, 4)
    project("plan", "--detailed-exitcode").exits(4)


def test_a_variant_of_a_picture_that_did_not_come_asks_a_person(
    project: Project, shop: Shop
) -> None:
    """In the run in which the parent comes short: the choices left, at the line; nothing bought."""
    project.spec("images:\n  owl: {prompt: a brass owl, variants: {big: {upscale: 2x, of: 3}}}\n")
    shop.faults({"where": "submit", "action": "fewer", "pictures": 2})
    ran = project("apply", "--yes").exits(4)
    assert "owl.big: needs a pick: that candidate was not delivered" in ran.out
    assert "hint: change `of`: 1, 2 are there\n" in ran.out
    assert shop.charges() == ["text-to-image a brass owl"]


def test_the_key_is_nowhere(project: Project, shop: Shop, key: str) -> None:
    """Not in what is printed, not in any file of the project, not at the file host."""
    project.spec(MODERATED + "  elk: {prompt: a glass elk}\n")
    shop.faults(
        {"where": "submit", "action": "status", "status": 500, "prompt_contains": "elk"},
        {"where": "submit", "action": "drop_after", "prompt_contains": "fox"},
    )
    ran = [project("apply", "--yes").exits(7), project("apply", "--yes", "--json").exits(7)]
    looks = (["show", "owl"], ["log"], ["log", "--json"], ["status"], ["verify"], ["plan", "-v"])
    ran += [project(*words).exits(0) for words in looks]
    ran.append(project("apply", "--yes", "--retry-failed", env={KEY_NAME: f"{key}\n{key}"}))
    ran[-1].fails(1, f"{KEY_NAME} cannot be an API key")
    printed = "".join(one.out + one.err for one in ran)
    assert key not in printed
    files = [path for path in project.root.rglob("*") if path.is_file()]
    assert {".db", ".json"} <= {path.suffix for path in files}
    assert [path for path in files if key.encode() in path.read_bytes()] == []
    assert shop.leaks() == []


def test_a_literal_key_in_the_configuration_is_refused_unquoted(
    shop: Shop, folder: Project
) -> None:
    """It is named as an error at its line, without repeating it."""
    text = CONFIG.format(base_url=shop.base_url, key_name="K")
    folder.write("reconciler.yaml", text.replace("${K}", "sk-live-1234567890abcdef"))
    ran = folder("plan", env=clean_env()).fails(1, "must be exactly one `${NAME}`")
    assert "sk-live" not in ran.err
