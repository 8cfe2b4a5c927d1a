"use strict";
// The steps of every pass stand in the page as a list; this shows them one at a time beside the graph. It computes
// nothing: what a step is about, and the sum that has arrived by then, are in the attributes of its item.

const stages = [...document.querySelectorAll(".stage")].map((element) => new Stage(element));
const still = matchMedia("(prefers-reduced-motion: reduce)");
const quietly = { speak: false, note: false };
let current = stages[0]; // the one that keys are meant for

function Stage(element) {
  const steps = [...element.querySelectorAll(".walk > li")];
  const turn = steps.findIndex((step) => step.dataset.phase === "seed");
  const article = element.closest(".derivation");
  const pass = element.closest(".pass");
  const mine = (selector) => [...article.querySelectorAll(selector)].filter((found) => found.dataset.part === pass.dataset.part);
  const boxes = [...element.querySelectorAll(".box[data-node]")];
  const wires = [...element.querySelectorAll(".wire[data-link]")];
  const rows = mine("tr[data-node], tr[data-link]");
  const whole = new Map(boxes.map((box) => [box, box.querySelector(".adjoint")?.textContent]));
  const back = new Map(steps.map((step, i) => [step.dataset.link, i])); // edge -> its step
  let at = 0;
  let timer = 0;

  // -- showing a step --

  const show = (k, { speak = true, note = true } = {}) => {
    at = Math.max(0, Math.min(k, steps.length - 1));
    const known = new Set();
    const sums = new Map(); // node -> the sum that has arrived there, null when it is complete
    const sent = new Set();
    for (const { dataset } of steps.slice(0, at + 1)) {
      if (dataset.phase === "forward") known.add(dataset.node);
      if (dataset.phase === "seed" || dataset.phase === "backward") sums.set(dataset.node, dataset.sum ?? null);
      if (dataset.phase === "backward") sent.add(dataset.link);
    }
    const now = steps[at].dataset;
    const ended = now.phase === "end";
    steps.forEach((step, i) => step.classList.toggle("shown", i === at));
    for (const box of boxes) {
      const node = box.dataset.node;
      box.classList.toggle("known", known.has(node) || ended);
      box.classList.toggle("reached", sums.has(node) || ended);
      mark(box, now, node === now.node, node === now.user);
      const adjoint = box.querySelector(".adjoint");
      if (adjoint) adjoint.textContent = sums.get(node) ?? whole.get(box);
    }
    for (const wire of wires) {
      const link = wire.dataset.link;
      wire.classList.toggle("known", known.has(steps[back.get(link)].dataset.user));
      wire.classList.toggle("sent", sent.has(link) || ended);
      mark(wire, now, link === now.link || (now.links ?? "").split(" ").includes(link), false);
    }
    for (const row of rows) {
      const forwards = row.closest(".values") !== null;
      const about = row.dataset.link ? row.dataset.link === now.link : row.dataset.node === now.node;
      row.classList.toggle("now", about && forwards === (now.phase === "forward"));
    }
    slider.value = at;
    slider.setAttribute("aria-valuetext", now.say);
    place.textContent = `${at} / ${steps.length - 1}`;
    buttons.first.disabled = buttons.back.disabled = at === 0;
    buttons.next.disabled = buttons.last.disabled = at === steps.length - 1;
    if (speak) voice.textContent = now.say;
    if (note) history.replaceState(null, "", address());
    bringIntoView();
  };

  const mark = (element, now, about, from) => {
    element.classList.toggle("now", about);
    element.classList.toggle("from", from);
    element.classList.toggle("ahead", about && now.phase === "forward");
    element.classList.toggle("behind", (about || from) && now.phase !== "forward");
  };

  // A large graph scrolls in its own box, never the page.
  const bringIntoView = () => {
    for (const frame of element.querySelectorAll(".graph .scroll")) {
      const box = frame.querySelector(".box.now");
      if (!box || (frame.scrollWidth <= frame.clientWidth && frame.scrollHeight <= frame.clientHeight)) continue;
      const [there, here] = [box.getBoundingClientRect(), frame.getBoundingClientRect()];
      frame.scrollTo({
        left: there.left - here.left + frame.scrollLeft - frame.clientWidth / 2,
        top: there.top - here.top + frame.scrollTop - frame.clientHeight / 2,
        behavior: still.matches ? "auto" : "smooth",
      });
    }
  };

  const address = () => {
    const parts = [];
    if (article.id && document.querySelectorAll(".derivation").length > 1) parts.push(`in=${article.id}`);
    if (pass.dataset.part !== "0") parts.push(`pass=${pass.dataset.part}`);
    return `#${[...parts, `step=${at}`].join("&")}`;
  };

  const play = () => {
    if (timer) return pause();
    if (at === steps.length - 1) show(0);
    timer = setInterval(() => (at < steps.length - 1 ? show(at + 1) : pause()), 1800);
    draw(buttons.play, "pause");
  };
  const pause = () => {
    clearInterval(timer);
    timer = 0;
    draw(buttons.play, "play");
  };
  const go = (k) => {
    pause();
    show(k);
  };
  const actions = {
    first: () => go(0), back: () => go(at - 1), play, next: () => go(at + 1), last: () => go(steps.length - 1),
  };

  // -- controls --

  const controls = make("div", { class: "controls", role: "group", "aria-label": "Steps of the pass" });
  const row = make("div", { class: "buttons" }, controls);
  const buttons = {};
  for (const name of Object.keys(actions)) {
    buttons[name] = make("button", { type: "button", class: name }, row);
    draw(buttons[name], name);
    buttons[name].addEventListener("click", actions[name]);
  }
  const slide = make("div", { class: "slide" }, controls);
  const slider = make("input", { type: "range", min: 0, max: steps.length - 1, "aria-label": "Step" }, slide);
  const place = make("output", {}, slide);
  const voice = make("p", { class: "unseen", role: "status", "aria-live": "polite" }, controls);
  slider.style.setProperty("--turn", `${(100 * (turn - 0.5)) / (steps.length - 1)}%`);
  slider.addEventListener("input", () => go(Number(slider.value)));
  element.querySelector(".graph").after(controls);
  element.classList.add("live");

  // -- clicks: a node, an edge or a row leads to its step --

  const stepOf = ({ node, link }, forwards) => {
    if (link) return back.get(link) ?? -1;
    const there = steps.map((step, i) => [step.dataset, i]).filter(([data]) => data.node === node);
    const wanted = there.filter(([data]) => (data.phase === "forward") === forwards);
    return (wanted.at(-1) ?? there.at(-1) ?? [null, -1])[1];
  };
  const leads = (target, forwards) => {
    if (stepOf(target.dataset, true) < 0) return;
    target.dataset.step = "";
    target.addEventListener("click", () => {
      if (String(getSelection())) return; // somebody wants to copy
      this.choose?.();
      current = this;
      go(stepOf(target.dataset, forwards()));
      element.scrollIntoView({ block: "nearest", behavior: still.matches ? "auto" : "smooth" });
    });
  };
  for (const box of boxes) leads(box, () => at < turn);
  for (const wire of wires) leads(wire, () => false);
  for (const found of rows) leads(found, () => found.closest(".values") !== null);
  element.addEventListener("pointerdown", () => (current = this));
  element.addEventListener("focusin", () => (current = this));

  Object.assign(this, { element, article, pass, show, actions, pause, place: () => at });
}

// -- keys --

const KEYS = { ArrowLeft: "back", ArrowRight: "next", Home: "first", End: "last", " ": "play" };

document.addEventListener("keydown", (event) => {
  const on = document.activeElement;
  const free = on === document.body || current?.element.contains(on);
  if (!(event.key in KEYS) || event.ctrlKey || event.altKey || event.metaKey || event.shiftKey || !free) return;
  if (on.matches("select, textarea, input:not([type=range])") || (event.key === " " && on.matches("button"))) return;
  const { top, bottom } = current.element.getBoundingClientRect();
  if (bottom < 0 || top > innerHeight) return; // out of sight: the page scrolls as it always does
  event.preventDefault();
  current.actions[KEYS[event.key]]();
});

// -- several passes: one at a time --

for (const article of new Set(stages.map((stage) => stage.article))) {
  const own = stages.filter((stage) => stage.article === article);
  if (own.length < 2) continue;
  const label = make("label", { class: "choose" }, null, "Pass: ");
  const select = make("select", {}, label);
  own.forEach((stage, i) => make("option", { value: i }, select, stage.pass.dataset.title));
  own[0].pass.before(label);
  const choose = (i) => {
    own.forEach((stage, k) => (stage.pass.hidden = k !== i));
    own.forEach((stage) => stage.pause());
    select.value = i;
    current = own[i];
  };
  select.addEventListener("change", () => choose(Number(select.value)));
  own.forEach((stage, i) => (stage.choose = () => choose(i)));
  choose(0);
}

// -- where to begin: #step=7, #in=d2&pass=1&step=7 --

function begin() {
  const wanted = new URLSearchParams(location.hash.slice(1));
  for (const stage of stages) stage.show(0, quietly);
  current = stages[0];
  if (!wanted.has("step")) return;
  const here = stages.filter((stage) => !wanted.has("in") || stage.article.id === wanted.get("in"));
  const found = here.find((stage) => stage.pass.dataset.part === (wanted.get("pass") ?? "0"));
  found?.choose?.();
  found?.show(Number(wanted.get("step")) || 0, quietly);
  current = found ?? current;
}
addEventListener("hashchange", begin);
begin();

// -- on paper, the whole pass --

let places = [];
addEventListener("beforeprint", () => {
  places = stages.map((stage) => stage.place());
  for (const stage of stages) stage.show(Infinity, quietly);
});
addEventListener("afterprint", () => stages.forEach((stage, i) => stage.show(places[i], quietly)));

// -- small things --

function make(tag, attributes = {}, parent = null, text = "") {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.textContent = text;
  parent?.append(element);
  return element;
}

function draw(button, name) {
  const [path, label] = {
    first: ["M5 4v12M15 4l-6 6 6 6", "First step (Home)"],
    back: ["M13 4l-6 6 6 6", "Back (left arrow)"],
    play: ["M7 4v12l9-6z", "Play (space)"],
    pause: ["M6.5 4v12M13.5 4v12", "Pause (space)"],
    next: ["M7 4l6 6-6 6", "Forward (right arrow)"],
    last: ["M15 4v12M5 4l6 6-6 6", "Last step (End)"],
  }[name];
  const space = "http://www.w3.org/2000/svg";
  const icon = document.createElementNS(space, "svg");
  icon.setAttribute("viewBox", "0 0 20 20");
  icon.setAttribute("aria-hidden", "true");
  icon.append(document.createElementNS(space, "path"));
  icon.firstChild.setAttribute("d", path);
  button.replaceChildren(icon);
  button.setAttribute("aria-label", label);
  button.title = label;
}
