// Draws each figure in the colours of the page, and redraws the attribution when another model is chosen.
"use strict";
(function () {
  const page = JSON.parse(document.getElementById("data").textContent);
  const root = document.documentElement;
  let onPaper = false;
  const config = { displaylogo: false, responsive: true, displayModeBar: false };

  function colour(name) {
    return getComputedStyle(root).getPropertyValue(name).trim();
  }

  function themed(layout) {
    const lines = { gridcolor: colour("--rule"), linecolor: colour("--rule"), zerolinecolor: colour("--rule") };
    const whole = Object.assign({}, layout, {
      paper_bgcolor: "rgba(0,0,0,0)",
      plot_bgcolor: "rgba(0,0,0,0)",
      font: { family: "Inter, system-ui, sans-serif", size: 12, color: colour("--text") },
    });
    // As wide as A4 and Letter between their margins; the screen's width is no guide to the page's.
    if (onPaper) whole.width = 620;
    for (const axis of new Set(["xaxis", "yaxis", ...Object.keys(layout).filter((name) => /^yaxis\d/.test(name))])) {
      whole[axis] = Object.assign({}, lines, layout[axis]);
    }
    return whole;
  }

  function draw(name, spec) {
    const place = document.getElementById("plot-" + name);
    // A Sankey that is redrawn fades in; one drawn anew is there at once, also on paper.
    if (place && spec.data[0].type === "sankey") Plotly.purge(place);
    const [data, layout] = [structuredClone(spec.data), themed(structuredClone(spec.layout))];
    if (place && !onPaper && place.clientWidth < 480) stackRings(data, layout);
    if (place) Plotly.react(place, data, layout, config);
  }

  // Beside each other, two rings have no room for their labels on a phone.
  function stackRings(data, layout) {
    const rings = data.filter((trace) => trace.type === "pie");
    if (rings.length < 2) return;
    layout.height *= 1.6;
    rings.forEach((ring, i) => {
      const top = 1 - i / rings.length;
      ring.domain = { x: [0, 1], y: [top - 0.44, top] };
      Object.assign(layout.annotations[i], { x: 0.5, y: top - 0.22, yanchor: "middle" });
    });
  }

  function cell(row, text, number) {
    const made = row.insertCell();
    made.textContent = text;
    if (number) made.className = "number";
  }

  function attribution() {
    const reading = document.getElementById("reading");
    const model = document.getElementById("model");
    if (!reading) return;
    // [reading, model, channel, orders, revenue]; without the last if the shop's orders have no amount.
    const rows = page.attribution.filter((r) => r[0] === reading.value && r[1] === model.value);
    const inOrders = !rows.some((r) => r.length > 4);
    const sales = inOrders ? 3 : 4;
    // plotly reads tags and entities in its labels.
    const plain = (text) => text.replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;");
    const trace = {
      type: "bar", orientation: "h", x: rows.map((r) => r[sales]), y: rows.map((r) => plain(r[2])),
      customdata: rows.map((r) => r[3]),
      marker: { color: rows.map((r) => (r[2] === "Unattributed" ? "#d55e00" : r[2] === "Direct" ? "#b9bfc6" : "#2a7fc1")) },
      hovertemplate: "%{y}: " + (inOrders ? "" : page.currency + "%{x:,.2f}, ") + "%{customdata:,.2~f} orders<extra></extra>",
    };
    const layout = {
      height: 90 + 28 * Math.max(rows.length, 3), margin: { l: 10, r: 16, t: 6, b: 40 },
      xaxis: { tickprefix: inOrders ? "" : page.currency, separatethousands: true },
      yaxis: { automargin: true, type: "category" },
    };
    draw("attribution", { data: [trace], layout: layout });
    const body = document.getElementById("attribution-rows");
    body.replaceChildren();
    for (const r of rows.slice().reverse()) {
      const row = body.insertRow();
      cell(row, r[2]);
      if (!inOrders) cell(row, page.currency + r[4].toLocaleString("en-US", { minimumFractionDigits: 2 }), true);
      cell(row, r[3].toLocaleString("en-US", { maximumFractionDigits: 2 }), true);
    }
  }

  function everything() {
    for (const name of Object.keys(page.figures)) draw(name, page.figures[name]);
    attribution();
  }

  document.addEventListener("themechange", everything);
  for (const id of ["reading", "model"]) {
    const choice = document.getElementById(id);
    if (choice) choice.addEventListener("change", attribution);
  }
  // On paper every figure is dark on white.
  let before;
  window.addEventListener("beforeprint", () => {
    before = root.dataset.theme;
    root.dataset.theme = "light";
    onPaper = true;
    everything();
  });
  window.addEventListener("afterprint", () => {
    if (before) root.dataset.theme = before;
    else delete root.dataset.theme;
    onPaper = false;
    everything();
  });
  everything();
})();
