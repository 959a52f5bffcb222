"""Configurations: specs as text, files, flags and overrides."""

from pathlib import Path

import pytest

from onlineml.cli.config import CompareConfig, RunConfig, resolve
from onlineml.cli.folder import config_text
from onlineml.cli.mistakes import Mistake, unknown
from onlineml.cli.specs import parse, written

SMALL = {"models": ["GaussianNB"], "stream": "sea_a"}


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("GaussianNB", {"name": "GaussianNB", "params": {}}),
        ("A(k=-3, b=None, c='x')", {"name": "A", "params": {"k": -3, "b": None, "c": "x"}}),
        ("A(d={'a': [1, 2.5]})", {"name": "A", "params": {"d": {"a": [1, 2.5]}}}),
        (
            "A | B(k=1) | C",
            {
                "chain": [
                    {"name": "A", "params": {}},
                    {"name": "B", "params": {"k": 1}},
                    {"name": "C", "params": {}},
                ]
            },
        ),
        (
            "Bag(model=Tree(n=2), others=[NB])",
            {
                "name": "Bag",
                "params": {
                    "model": {"name": "Tree", "params": {"n": 2}},
                    "others": [{"name": "NB", "params": {}}],
                },
            },
        ),
    ],
)
def test_a_spec_is_read_as_plain_values_and_written_back(text, plain):
    assert parse(text) == plain
    assert parse(written(plain)) == plain


@pytest.mark.parametrize(
    "text",
    [
        "",
        "A(",
        "A(3)",
        "A(**b)",
        "__import__('os').system('true')",
        "A(k=__import__('os').getcwd())",
        "A(k=open('x'))",
        "(lambda: 1)()",
        "A(k=[x for x in y])",
        "A & B",
        "A(k=1)(j=2)",
        "A(k=" + "(" * 500 + ")" * 500 + ")",
        "3",
    ],
)
def test_a_spec_that_is_more_than_names_and_literals_is_refused(text):
    with pytest.raises(Mistake, match="cannot read"):
        parse(text)


def test_a_file_in_yaml_and_in_toml_is_the_same_configuration(tmp_path: Path):
    yaml, toml = tmp_path / "a.yaml", tmp_path / "a.toml"
    yaml.write_text(
        "model: {name: KNNClassifier, params: {n_neighbors: 3, x: 1e-7}}\nstream: sea_a\nrows: 10\n"
    )
    toml.write_text(
        'stream = "sea_a"\nrows = 10\n[[models]]\nname = "KNNClassifier"\n'
        "[models.params]\nn_neighbors = 3\nx = 1e-7\n"
    )
    first, second = (resolve(RunConfig, file, {}, []) for file in (yaml, toml))
    assert first == second
    assert first.digest() == second.digest()
    assert first.models[0].params["x"] == 1e-7


def test_flags_win_over_the_file_and_set_over_both(tmp_path: Path):
    file = tmp_path / "a.yaml"
    file.write_text("model: GaussianNB\nstream: sea_a\nrows: 10\nwindow: 5\n")
    config = resolve(RunConfig, file, {"rows": 20, "models": ["A(k=1)"]}, ["window=7"])
    assert (config.rows, config.window) == (20, 7)
    assert [model.name for model in config.models] == ["A"]


def test_set_reaches_into_texts_lists_and_new_keys():
    values = {"models": ["A | B(k=1)"], "stream": "sea_a"}
    config = resolve(
        RunConfig,
        None,
        values,
        [
            "models.0.chain.1.params.k=5",
            "stream.params.seed=3",
            "metrics=[kappa]",
            "label_delay=2.5",
            "seeds=4",
        ],
    )
    assert config.models[0].chain[1].params == {"k": 5}
    assert config.stream.params == {"seed": 3}
    assert config.metrics == ["kappa"]
    assert config.label_delay == 2.5
    assert config.seeds == [4]


def test_model_alone_means_the_only_model():
    values = {"models": ["KNNClassifier(k=3)"], "stream": "sea_a"}
    config = resolve(RunConfig, None, values, ["model.params.k=5"])
    assert config.models[0].params == {"k": 5}


def test_the_hash_is_about_figures_not_about_places():
    config = resolve(RunConfig, None, dict(SMALL), [])
    elsewhere = resolve(RunConfig, None, dict(SMALL), ["out=runs/x", "track=true"])
    other = resolve(RunConfig, None, dict(SMALL), ["window=7"])
    assert config.digest() == elsewhere.digest() != other.digest()


def test_the_resolved_text_runs_again(tmp_path: Path):
    config = resolve(RunConfig, None, dict(SMALL), ["rows=10", "label_delay=3"])
    file = tmp_path / "again.yaml"
    file.write_text(config_text(config))
    assert resolve(RunConfig, file, {}, []) == config
    assert config.digest() in file.read_text()


def test_compare_takes_one_stream_or_many():
    config = resolve(CompareConfig, None, {"models": ["A"], "streams": ["sea_a", "a.csv"]}, [])
    assert [stream.name for stream in config.streams] == ["sea_a", "a.csv"]
    assert config.seeds == [1, 2, 3]


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("windw=3", "unknown key 'windw': did you mean window"),
        ("models.0.parms.k=3", "unknown key 'models.0.parms': did you mean params"),
        ("stream.trget=y", "unknown key 'stream.trget': did you mean target"),
        ("window=0", "window: got 0"),
        ("rows=many", "rows: got 'many'"),
        ("window", "write key.key=value"),
        ("models.7.name=A", "expected a number below 1"),
        ("window.x=3", "has no keys"),
        ("models=3", "models: got 3"),
        ("model=A", "not both"),
    ],
)
def test_a_wrong_override_is_named(override, message):
    values = {"models": ["GaussianNB"], "stream": "sea_a", "window": 5}
    with pytest.raises(Mistake, match=message):
        resolve(RunConfig, None, values, [override])


@pytest.mark.parametrize("text", ["a: [1", "- a\n- b\n", "!!python/object/apply:os.getcwd []"])
def test_a_file_that_is_no_configuration_is_named(tmp_path: Path, text):
    file = tmp_path / "bad.yaml"
    file.write_text(text)
    with pytest.raises(Mistake, match=r"bad\.yaml"):
        resolve(RunConfig, file, {}, [])


def test_what_is_missing_is_named():
    with pytest.raises(Mistake, match=r"'models' is missing .*--model"):
        resolve(RunConfig, None, {"stream": "sea_a"}, [])


def test_unknown_names_come_with_the_nearest_ones():
    assert "did you mean GaussianNB?" in unknown("model", "gausianNb", ["GaussianNB", "X"]).message
    assert "known: a, b" in unknown("thing", "zzzz", ["b", "a"]).message
