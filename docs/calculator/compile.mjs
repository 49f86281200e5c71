// Compiles what an answer needs: `node compile.mjs PYODIDE WHEEL INTO` writes python_stdlib.zip and wellshaped.zip.
// A browser would compile these modules at every visit, which takes half of the time of the first answer. All other
// modules stay as they are.
import { readFileSync, writeFileSync } from "node:fs";
import { pathToFileURL } from "node:url";

const [folder, wheel, into] = process.argv.slice(2);
const { loadPyodide } = await import(pathToFileURL(`${folder}/pyodide.mjs`));
const python = await loadPyodide({ indexURL: folder });
const archives = { "python_stdlib.zip": `${folder}/python_stdlib.zip`, "wellshaped.zip": wheel };
for (const [name, path] of Object.entries(archives)) python.FS.writeFile(`/${name}`, readFileSync(path));
python.runPython(`
import os, py_compile, sys, zipfile

sys.path.insert(0, "/wellshaped.zip")
from wellshaped.calculator import answer_to

for image in ("1x304x384", "1x303x384"):  # it fits, and it does not
    answer_to({"network": "milesial", "input": image, "fields": {}})
needed = {getattr(module.__spec__, "origin", None) for module in sys.modules.values()}

def compiled(archive):
    os.mkdir(archive + ".d")
    source, made = archive + ".d/a.py", archive + ".d/a.pyc"
    with zipfile.ZipFile(archive) as given, zipfile.ZipFile(archive + ".new", "w", zipfile.ZIP_DEFLATED) as new:
        for name in given.namelist():
            content = given.read(name)
            if any(origin and origin.endswith(".zip/" + name) for origin in needed):
                with open(source, "wb") as file:
                    file.write(content)
                mode = py_compile.PycInvalidationMode.UNCHECKED_HASH
                py_compile.compile(source, made, name, doraise=True, invalidation_mode=mode)
                new.write(made, name + "c")
            else:
                new.writestr(name, content)

compiled("/python_stdlib.zip")
compiled("/wellshaped.zip")
`);
for (const name of Object.keys(archives)) writeFileSync(`${into}/${name}`, python.FS.readFile(`/${name}.new`));
