"""What mlops.toml of each sample project says holds together with its files."""

import shlex
import tomllib
from pathlib import Path

from mlops_console.core.config import Config, parse_config
from mlops_console.store.shipped import shipped


def read(project: Path) -> Config:
    return parse_config((project / "mlops.toml").read_text(encoding="utf-8"))


def test_environments_serve_the_model_and_production_needs_staging(project: Path) -> None:
    config = read(project)
    (model,) = config.models
    environments = config.environments
    assert {name: (e.model, e.port) for name, e in environments.items()} == {
        "staging": (model, 8101),
        "production": (model, 8100),
    }
    assert environments["production"].requires == "staging"
    metric = config.models[model].metric
    assert any(gate.startswith(f"{metric} >= live - ") for gate in environments["production"].gates)


def test_every_file_a_stage_needs_is_there_or_made_by_another(project: Path) -> None:
    stages = read(project).pipelines["train"].stages.values()
    made = {out for stage in stages for out in stage.outs}
    for stage in stages:
        for dep in stage.deps:
            assert dep in made or (project / dep).is_file(), f"nobody makes {dep}"
        program, script = shlex.split(stage.run)
        assert program == "python"
        assert script in stage.deps


def test_params_has_the_section_of_each_stage_and_no_other(project: Path) -> None:
    pipeline = read(project).pipelines["train"]
    params = tomllib.loads((project / "params.toml").read_text(encoding="utf-8"))
    assert pipeline.params == "params.toml"
    assert set(params) == {section for stage in pipeline.stages.values() for section in stage.params}


def test_the_traffic_module_is_the_same_in_all_projects() -> None:
    copies = [path.read_bytes() for path in sorted(shipped("sample_projects").glob("*/traffic.py"))]
    assert len(copies) == 3
    assert len(set(copies)) == 1


def test_each_has_a_readme_that_names_its_replay_and_what_shifts(project: Path) -> None:
    readme = (project / "README.md").read_text(encoding="utf-8")
    assert "python replay.py" in readme
    for script in read(project).pipelines["train"].stages:
        assert f"`{script}`" in readme
