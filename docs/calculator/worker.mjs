// Computes answers with the library itself: Pyodide, and the modules of the wheel that was built with this site.
import { loadPyodide } from "./pyodide/pyodide.mjs";

const at = (path) => new URL(path, import.meta.url).href;

async function start() {
  const wheel = fetch(at("wellshaped.zip")).then((found) => found.arrayBuffer());
  const pyodide = await loadPyodide({ indexURL: at("pyodide/"), stdLibURL: at("python_stdlib.zip") });
  pyodide.FS.writeFile("/wellshaped.zip", new Uint8Array(await wheel));
  pyodide.pyimport("sys").path.insert(0, "/wellshaped.zip");
  return pyodide.pyimport("wellshaped.calculator").answer_in_json;
}

const started = start();
started.then(
  () => postMessage({ ready: true }),
  (error) => postMessage({ error: String(error) }),
);

let newest;
onmessage = async ({ data }) => {
  newest = data.id;
  const answer = await started;
  await new Promise((resolve) => setTimeout(resolve)); // messages that came while Python computed are read first
  if (data.id !== newest) return; // the reader has typed on
  try {
    postMessage({ id: data.id, answer: answer(data.state) });
  } catch (error) {
    postMessage({ id: data.id, error: String(error) });
  }
};
