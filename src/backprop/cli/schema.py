"""`backprop schema`: the JSON Schemas of what `--format json` prints."""

from __future__ import annotations

import click

from .common import open_output


@click.command("schema", options_metavar="[OPTIONS]")
@click.argument("name", required=False, metavar="[NAME]")
@click.option("-o", "--output", metavar="FILE", help="Write to a file, which appears when it is complete.")
@click.option("--ascii", is_flag=True, help="Plain ASCII characters only.")
def schema(name: str | None, output: str | None, ascii: bool) -> int:
    """Print the JSON Schema of a kind of JSON line; without NAME, list the names.

    The schemas are of draft 2020-12. Each stands alone and describes every field.

    \b
    Examples:
      backprop schema                      the names
      backprop schema diff                 of backprop diff --format json
      backprop schema check -o check.json  into a file
    """
    import json

    from ..schemas import NAMES
    from ..schemas import schema as schema_of

    with open_output(output, width=None, color="never", ascii=ascii) as out:
        if name is None:
            width = max(map(len, NAMES))
            for key, said in NAMES.items():
                out.text(f"{key:{width}}  {said}")
        else:
            out.text(json.dumps(schema_of(name), ensure_ascii=out.ascii, indent=2))
    return 0
