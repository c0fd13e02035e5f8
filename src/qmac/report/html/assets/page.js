"use strict";
// Figures lie in the page as gzip in base64: Plotly itself once, then one JSON of all of them.

async function unpacked(id) {
  const text = atob(document.getElementById(id).textContent.trim());
  const bytes = Uint8Array.from(text, (character) => character.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Response(stream).text();
}

const OPTIONS = {
  responsive: true, displaylogo: false,
  displayModeBar: matchMedia("(hover: none)").matches ? false : "hover",
  modeBarButtonsToRemove: ["select2d", "lasso2d", "autoScale2d"],
};

const PAPER = 690;  // pixels across a printed page

function isDark() {
  const chosen = document.documentElement.dataset.theme;
  return chosen ? chosen === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
}

function template() {
  const style = getComputedStyle(document.documentElement);
  const color = (name) => style.getPropertyValue(name).trim();
  const axis = { gridcolor: color("--line"), linecolor: color("--line"), zerolinecolor: color("--line"), automargin: true };
  return {
    layout: {
      paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)",
      font: { color: color("--ink"), family: "system-ui, sans-serif", size: 12 },
      hoverlabel: { bgcolor: color("--raised"), bordercolor: color("--line"), font: { color: color("--ink") } },
      xaxis: axis, yaxis: axis,
      modebar: { bgcolor: "rgba(0,0,0,0)", color: color("--faint"), activecolor: color("--ink") },
    },
  };
}

const plots = () => [...document.querySelectorAll(".plot.drawn")];

function retheme() {
  for (const plot of plots()) Plotly.relayout(plot, { template: template() });
}

async function draw() {
  const [library, figures] = await Promise.all([unpacked("plotly"), unpacked("figures")]);
  const script = document.createElement("script");
  script.textContent = library;
  document.head.append(script);
  for (const [name, figure] of Object.entries(JSON.parse(figures))) {
    const plot = document.getElementById(name);
    const layout = { ...figure.layout, template: template() };
    const title = layout.title && layout.title.text;
    if (title) {  // stands below the figure, where it wraps
      delete layout.title;
      layout.margin = { ...layout.margin, t: 12 };
    }
    if (name.startsWith("map-")) layout.height = Math.min(layout.height, plot.clientWidth);  // no empty room on a phone
    if (layout.height) plot.style.height = `${layout.height}px`;  // when the window changes, Plotly takes that of the box
    await Plotly.newPlot(plot, figure.data, layout, OPTIONS);
    plot.classList.add("drawn");
    await new Promise((next) => setTimeout(next));  // the page stays alive between two figures
  }
}

function sortable(table) {
  const heads = [...table.tHead.rows[0].cells];
  heads.forEach((head, column) => {
    head.tabIndex = 0;
    const sort = () => {
      const descending = head.getAttribute("aria-sort") !== "descending";
      const key = (row) => {
        const cell = row.cells[column];
        const value = cell.dataset.value ?? cell.textContent;
        return value === "" || Number.isNaN(Number(value)) ? value : Number(value);
      };
      const rows = [...table.tBodies[0].rows].map((row) => [key(row), row]);
      rows.sort(([a], [b]) => {
        if (a === "" || b === "") return (a === "") - (b === "");  // what is undefined stays last
        const order = typeof a === "number" && typeof b === "number" ? a - b : String(a).localeCompare(String(b));
        return descending ? -order : order;
      });
      table.tBodies[0].append(...rows.map(([, row]) => row));
      heads.forEach((other) => other.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", descending ? "descending" : "ascending");
    };
    head.addEventListener("click", sort);
    head.addEventListener("keydown", (event) => event.key === "Enter" && sort());
  });
}

function press(button) {
  for (const other of button.parentElement.children) other.setAttribute("aria-pressed", String(other === button));
}

function listen() {
  document.querySelectorAll("table.sortable").forEach(sortable);
  document.querySelectorAll("[data-stat]").forEach((button) =>
    button.addEventListener("click", () => {
      press(button);
      for (const plot of plots().filter((each) => each.id.startsWith("map-"))) {
        const shown = plot.data.map((trace) => trace.type !== "heatmap" || trace.name === button.dataset.stat);
        Plotly.restyle(plot, { visible: shown });
        const map = plot.data.find((trace) => trace.name === button.dataset.stat);
        plot.parentElement.querySelector("figcaption").textContent = map.meta;
      }
    }));
  document.querySelectorAll("[data-range]").forEach((button) =>
    button.addEventListener("click", () => {
      press(button);
      for (const plot of plots().filter((each) => each.id.startsWith("map-"))) {
        const spans = plot.layout.meta[button.dataset.range];
        const [zmin, zmax] = [0, 1].map((end) => spans.map((span) => span[end]));
        Plotly.restyle(plot, { zmin, zmax }, spans.map((_, number) => number));
      }
    }));
  document.querySelectorAll("[data-scale]").forEach((button) =>
    button.addEventListener("click", () => {
      press(button);
      for (const plot of plots().filter((each) => each.id === button.dataset.of)) {
        Plotly.relayout(plot, { "yaxis.type": button.dataset.scale, "yaxis.autorange": true });
      }
    }));
  document.getElementById("theme").addEventListener("click", () => {
    document.documentElement.dataset.theme = isDark() ? "light" : "dark";
    retheme();
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", retheme);
  let before;
  addEventListener("beforeprint", () => {
    before = document.documentElement.dataset.theme;
    document.documentElement.dataset.theme = "light";
    for (const plot of plots()) {
      const width = plot.closest(".maps, .columns") ? PAPER / 2 - 10 : PAPER;
      Plotly.relayout(plot, { template: template(), width, autosize: false });
    }
  });
  addEventListener("afterprint", () => {
    if (before) document.documentElement.dataset.theme = before;
    else delete document.documentElement.dataset.theme;
    for (const plot of plots()) Plotly.relayout(plot, { template: template(), width: null, autosize: true });
  });
}

document.getElementById("trouble").hidden = true;
listen();
draw().then(
  () => { document.documentElement.dataset.ready = "yes"; },
  (error) => {
    const trouble = document.getElementById("trouble");
    trouble.textContent = `The figures cannot be drawn here (${error}). They need a browser of 2023 or newer; tables and numbers do not.`;
    trouble.hidden = false;
    document.documentElement.dataset.ready = "no";
    console.error(error);
  });
