// The page without its 3-D view: slices, table, histograms, and which membrane is chosen.
// The 3-D view listens to the events "choose", "show" and "slice", and asks for them itself.
"use strict";

const find = (selector, root = document) => root.querySelector(selector);
const findAll = (selector, root = document) => [...root.querySelectorAll(selector)];
const data = JSON.parse(find("#data").textContent);
const tell = (name, detail) => document.dispatchEvent(new CustomEvent(name, { detail }));

const choice = { label: null, hidden: new Set() };

function choose(label) {
  choice.label = label === choice.label ? null : label;
  const any = choice.label !== null;
  findAll("[data-label]").forEach(one =>
    one.classList.toggle("chosen", any && Number(one.dataset.label) === choice.label));
  document.body.classList.toggle("chosen-some", any);
  const box = find(".picked");
  if (box) {
    box.classList.toggle("on", any);
    if (any) describe(box);
  }
  tell("choose", choice.label);
}

function describe(box) {
  const row = find(`tr[data-label="${choice.label}"]`);
  const heads = findAll("#table thead th");
  box.replaceChildren();
  const title = box.appendChild(document.createElement("b"));
  title.textContent = `${data.noun} ${choice.label}`;
  const list = box.appendChild(document.createElement("dl"));
  heads.forEach((head, column) => {
    const cell = row && row.cells[column];
    if (!cell || !cell.textContent || !head.dataset.brief) return;
    list.appendChild(document.createElement("dt")).textContent = head.dataset.brief;
    list.appendChild(document.createElement("dd")).textContent =
      `${cell.textContent} ${head.dataset.unit || ""}`;
  });
}

function show(labels, visible) {
  labels.forEach(label => visible ? choice.hidden.delete(label) : choice.hidden.add(label));
  findAll("#membranes input").forEach(box => {
    box.checked = !choice.hidden.has(Number(box.parentElement.dataset.label));
  });
  tell("show", choice.hidden);
}

// ---- slices
function startBrowser() {
  const browser = find("#browser");
  const stack = find(".stack", browser), slider = find("input[type=range]", browser);
  const place = find("output", browser), drawing = find("svg", stack);
  const at = {}; // the level shown last in each view
  let view = "xy";

  const draw = () => {
    const { levels, axis } = data.slices[view], level = levels[slider.value];
    at[view] = Number(slider.value);
    const on = name => {
      const box = find(`input[name=${name}]`, browser);
      return box !== null && box.checked;
    };
    find(".tomogram", stack).src = level.tomogram;
    const layer = find(".probability", stack);
    layer.hidden = !on("probability") || !level.probability;
    if (!layer.hidden) layer.src = level.probability;
    const names = ["fragments", "groups", "contours"].filter(on);
    drawing.innerHTML = names.map(name => `<g class="${name}">${level[name]}</g>`).join("");
    findAll("g[data-label]", drawing).forEach(group =>
      group.classList.toggle("chosen", Number(group.dataset.label) === choice.label));
    stack.classList.toggle("dimmed", names.length > 0 || !layer.hidden);
    stack.dataset.level = level.index;
    place.textContent = `${axis} = ${level.index}  (${level.place_nm.toFixed(1)} nm)`;
    tell("slice", { view, level: at[view] });
  };

  const turnTo = name => {
    view = name;
    const { levels, width, height } = data.slices[view];
    findAll("button[data-view]", browser).forEach(button =>
      button.setAttribute("aria-pressed", String(button.dataset.view === view)));
    stack.style.aspectRatio = `${width} / ${height}`;
    stack.style.width = `min(100%, calc(78vh * ${width / height}))`;
    drawing.setAttribute("viewBox", `0 0 ${width} ${height}`);
    slider.max = levels.length - 1;
    slider.value = at[view] ?? Number(find(`button[data-view=${view}]`, browser).dataset.first);
    draw();
  };

  slider.addEventListener("input", draw);
  browser.addEventListener("change", event => { if (event.target !== slider) draw(); });
  findAll("button[data-view]", browser).forEach(button =>
    button.addEventListener("click", () => turnTo(button.dataset.view)));
  drawing.addEventListener("click", event => {
    const group = event.target.closest("g[data-label]");
    if (group) choose(Number(group.dataset.label));
  });
  stack.addEventListener("wheel", event => {
    if (!event.shiftKey) return;
    event.preventDefault();
    slider.value = Number(slider.value) + Math.sign(event.deltaY || event.deltaX);
    draw();
  }, { passive: false });
  document.addEventListener("again", draw);
  turnTo("xy");
}

// ---- table
function makeSortable(table) {
  const heads = [...table.tHead.rows[0].cells];
  const compare = (a, b) => {
    const difference = Number(a) - Number(b);
    return Number.isNaN(difference) ? a.localeCompare(b) : difference;
  };
  const sort = (head, column) => {
    const turn = head.getAttribute("aria-sort") === "ascending" ? -1 : 1;
    heads.forEach(other => other.removeAttribute("aria-sort"));
    head.setAttribute("aria-sort", turn === 1 ? "ascending" : "descending");
    const value = row => row.cells[column].dataset.value;
    const rows = [...table.tBodies[0].rows];
    rows.sort((a, b) => {
      const empty = (value(a) === "") - (value(b) === "");
      return empty || (value(a) === "" ? 0 : turn * compare(value(a), value(b)));
    });
    table.tBodies[0].append(...rows);
  };
  heads.forEach((head, column) => {
    head.tabIndex = 0;
    head.addEventListener("click", () => sort(head, column));
    head.addEventListener("keydown", event => {
      if (event.key !== "Enter" && event.key !== " ") return;
      event.preventDefault();
      sort(head, column);
    });
  });
}

if (find("#browser")) startBrowser();
findAll("table.sortable").forEach(makeSortable);
findAll("tr[data-label], .block, button[data-label]").forEach(one =>
  one.addEventListener("click", () => choose(Number(one.dataset.label))));
findAll("#membranes div[data-label]").forEach(line => {
  const label = Number(line.dataset.label);
  line.addEventListener("click", event => {
    if (event.target.tagName === "INPUT") show([label], event.target.checked);
    else choose(label);
  });
});
findAll("button[data-show]").forEach(button => button.addEventListener("click", () =>
  show(data.space.meshes.map(mesh => mesh.label), button.dataset.show === "all")));
document.addEventListener("keydown", event => {
  if (event.key === "Escape" && choice.label !== null) choose(choice.label);
});
document.addEventListener("pick", event => {
  if (event.detail !== null) choose(event.detail);
  else if (choice.label !== null) choose(choice.label);
});
