"""``wellshaped export``: a saved model as one file of programs."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from ..spec.files.disk import wrong_suffix
from .network import require_saved
from .output import AsJson, print_json, say, table, working

EXAMPLE = """\
  wellshaped export model.safetensors
  wellshaped export model.safetensors --output model.zip --platforms cpu,cuda
  wellshaped export model.safetensors --classes "32*h,32*h+31"
"""


def export(
    model: Annotated[Path, Parameter(help="A model that interop.save wrote, a .safetensors file.")],
    *,
    output: Annotated[Path, Parameter(help="The file to write, a .zip file.")] = Path("model.zip"),
    platforms: Annotated[str, Parameter(help="Where the programs run, with commas: cpu, cuda, rocm, tpu.")] = "cpu",
    classes: Annotated[
        str | None,
        Parameter(help='Serve only these of the sizes that fit, with commas: "16*h,16*h + 12,188" (h = 0, 1, …).'),
    ] = None,
    as_json: AsJson = False,
) -> int:
    """Write a model as compiled programs, which need JAX to run, and not wellshaped.

    There is one program for each combination of classes of sizes. Together they take exactly the sizes that fit, and
    batches of any number. The file also has load.py, which runs them. A norm uses its running statistics.
    Exits with 0 if the file was written.
    """
    from .. import interop

    if output.suffix != ".zip":
        raise wrong_suffix(f"output {output}", output, (".zip",))
    require_saved(model)
    with working("reading the model") as said:
        loaded = interop.load(model)
        loaded.eval()
        index = interop.export(
            loaded,
            output,
            platforms=platforms,
            classes=classes,
            progress=lambda text: said(f"JAX traces {text}"),
        )
    data = index.to_dict()
    if as_json:
        print_json({"output": str(output), "bytes": output.stat().st_size, **data})
        return 0
    count = len(index.programs)
    say(f"wrote {output}: {count} program{'' if count == 1 else 's'} for {', '.join(index.platforms)}")
    rows = [(program["file"], program["classes"]) for program in data["programs"]]
    table(("program", " × ".join(index.axes)), rows, None)
    return 0
