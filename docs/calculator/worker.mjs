// Computes answers with the library itself: Pyodide, and the wheel that was built with this site.
import { loadPyodide } from "./pyodide/pyodide.mjs";

const at = (path) => new URL(path, import.meta.url).href;

async function start() {
  const wheel = fetch(at("wellshaped.whl")).then((found) => found.arrayBuffer());
  const pyodide = await loadPyodide({ indexURL: at("pyodide/") });
  pyodide.unpackArchive(await wheel, "wheel");
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
