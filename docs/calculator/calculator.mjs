// The form of the calculator: what it holds is the question, and stands in the address. A worker answers.
const page = document.querySelector(".calculator");
const form = page.querySelector("form");
const part = (name) => page.querySelector(`[data-part="${name}"]`);
const fields = [...form.querySelectorAll("[data-field]")];
const plain = ["network", "input", "tile", "text"];
const isPasted = () => form.network.value.startsWith("network.");

// The question.

function state() {
  const found = { fields: {} };
  for (const name of plain) found[name] = form[name].value;
  if (!isPasted()) found.text = "";
  for (const field of fields) if (field.value.trim() && !field.disabled) found.fields[field.name] = field.value.trim();
  return found;
}

function toAddress({ fields, ...others }) {
  const words = Object.entries({ ...others, ...fields }).filter(([, value]) => value);
  history.replaceState(null, "", `#${new URLSearchParams(words)}`);
}

function fromAddress() {
  const words = new URLSearchParams(location.hash.slice(1));
  if (!words.has("network")) return;
  for (const name of plain) form[name].value = words.get(name) ?? "";
  for (const field of fields) field.value = words.get(field.name) ?? "";
  if (!form.network.value) form.network.selectedIndex = 0;
  part("fields").open = fields.some((field) => field.value);
}

// The answer.

function element(name, text, attributes = {}) {
  const made = document.createElement(name);
  made.textContent = text;
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return made;
}

function show(name, children) {
  const box = part(name);
  box.hidden = !children.length;
  box.querySelector("[data-content]").replaceChildren(...children);
}

let whole = false; // whether a wide picture is made as small as the page

function picture(svg) {
  const scrolled = element("div", "", { class: "scrolled", tabindex: "0", role: "region", "aria-label": "picture" });
  scrolled.innerHTML = svg; // made by the library, which escapes every name in it
  const button = element("button", "show all of it", { type: "button" });
  const draw = () => {
    scrolled.firstElementChild.classList.toggle("whole", whole);
    button.setAttribute("aria-pressed", whole);
  };
  button.addEventListener("click", () => {
    whole = !whole;
    draw();
  });
  draw();
  new ResizeObserver(() => {
    button.hidden = !whole && scrolled.scrollWidth <= scrolled.clientWidth; // it is all there
  }).observe(scrolled);
  return [button, scrolled];
}

function code(text) {
  const button = element("button", "copy", { type: "button", "aria-label": `copy ${text}` });
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(text);
    button.textContent = "copied";
  });
  const line = element("p", "", { class: "code" });
  line.append(element("code", text), " ", button);
  return line;
}

function choice(shape, says) {
  const button = element("button", `${shape} `, { type: "button" });
  button.append(element("small", says));
  button.addEventListener("click", () => {
    form.input.value = shape;
    ask();
    form.input.focus();
  });
  return button;
}

const counted = (n) => n.toLocaleString("en");

function table(answer) {
  const made = element("table", "");
  const row = (cells, kind) => {
    const line = element("tr", "");
    line.append(...cells.map((cell, i) => {
      const attributes = typeof cell === "number" ? { class: "number" } : i === 0 ? { scope: "row" } : {};
      if (kind === "th") return element("th", cell, { scope: "col" });
      return element(i === 0 ? "th" : "td", typeof cell === "number" ? counted(cell) : cell, attributes);
    }));
    return line;
  };
  const total = ["total", "", "", "", answer.parameters, answer.multiply_adds];
  const [head, body, foot] = ["thead", "tbody", "tfoot"].map((name) => element(name, ""));
  head.append(row(["stage", "operation", "layer", "shape", "parameters", "multiply-adds"], "th"));
  body.append(...answer.stages.map((cells) => row(cells)));
  foot.append(row(total));
  made.append(head, body, foot);
  const scrolled = element("div", "", { class: "scrolled", tabindex: "0", role: "region", "aria-label": "stages" });
  scrolled.append(made);
  return scrolled;
}

function written(value) {
  if (Array.isArray(value)) return value.map((of) => (Array.isArray(of) ? of.join("x") : of)).join(",");
  return value === null ? "none" : String(value);
}

function showFields(known = {}) {
  for (const field of fields) {
    const row = field.closest("[data-row]");
    const value = field.name in known ? written(known[field.name]) : "";
    row.hidden = field.disabled = !(field.name in known) && !field.value;
    if (field.tagName === "SELECT") field.options[0].textContent = value;
    else field.placeholder = value;
  }
  part("fields").hidden = fields.every((field) => field.disabled);
}

function showAnswer(answer) {
  page.dataset.fits = answer.fits;
  part("verdict").textContent = form.input.value.trim()
    ? answer.fits ? "It fits." : "It does not fit."
    : answer.fits ? "Some sizes fit." : "This can't be answered, or nothing fits.";
  part("message").textContent = answer.message;
  const nearest = [["below", "the nearest below"], ["above", "the nearest above"]];
  const choices = nearest.filter(([of]) => answer[of]).map(([of, says]) => choice(answer[of], says));
  if (!form.input.value.trim() && answer.example) choices.push(choice(answer.example, "the smallest square that fits"));
  show("nearest", choices);
  show("sizes", (answer.sizes ?? []).map((line) => element("p", line)));
  show("plans", (answer.plans ?? []).flatMap(({ says, code: text }) => [element("p", says), code(text)]));
  show("picture", answer.picture ? picture(answer.picture) : answer.no_picture ? [element("pre", answer.no_picture)] : []);
  if (part("answer").hidden) part("presets").open = false; // until the first answer, the table is the page
  part("answer").hidden = false;
  const broken = part("picture").querySelector(".broken");
  if (broken) {
    const scrolled = broken.closest(".scrolled"), { x, width } = broken.getBBox();
    scrolled.scrollLeft = x + (width - scrolled.clientWidth) / 2; // the node that breaks is in the middle
  }
  const tiles = answer.tiles ?? { lines: [] };
  show("tiles", [...(tiles.picture ? picture(tiles.picture) : []), ...tiles.lines.map((line) => element("p", line))]);
  show("stages", answer.stages ? [table(answer)] : []);
  show("command", [code(answer.command)]);
  showFields(answer.fields);
}

// Asking.

const worker = new Worker(new URL("worker.mjs", import.meta.url), { type: "module" });
let asked = 0, isReady = false, waiting;

function say(text) {
  if (part("status").textContent !== text) part("status").textContent = text;
}

function ask() {
  const now = state();
  toAddress(now);
  part("pasted").hidden = !isPasted();
  worker.postMessage({ id: (asked += 1), state: JSON.stringify(now) });
  clearTimeout(waiting);
  waiting = setTimeout(() => say(isReady ? "computing…" : "loading Python, which takes some seconds the first time…"), 400);
}

worker.onmessage = ({ data }) => {
  if (data.ready) isReady = true;
  if (data.error) {
    clearTimeout(waiting);
    say(`This can't be computed here: ${data.error}`);
  }
  if (data.id !== asked || !data.answer) return;
  clearTimeout(waiting);
  say("");
  showAnswer(JSON.parse(data.answer));
  page.dataset.answered = data.id; // for the tests
};
worker.onerror = (event) => say(`Python could not be loaded: ${event.message ?? "the worker failed"}`);

form.addEventListener("submit", (event) => event.preventDefault());
form.addEventListener("input", (event) => {
  if (event.target === form.network) for (const field of fields) field.value = "";
  ask();
});
window.addEventListener("hashchange", () => {
  fromAddress();
  ask();
});
form.hidden = false;
fromAddress();
showFields();
ask();
