// Choosing, ordering and permalinks. Without this script the page is two plain tables.
// The state is the part of the address behind `#`: either the id of a row, or the choices, such as
// `dataset=cifar10&T=2&T=4&sort=accuracy&order=down`; `all` chooses everything.
"use strict";
(() => {
  const form = document.querySelector("#filters");
  const facets = [...form.querySelectorAll("details")];
  const tables = [...document.querySelectorAll(".division table")];
  const rows = tables.flatMap((table) => [...table.tBodies[0].rows]);
  const place = new Map(rows.map((row, index) => [row, index]));
  let order = { by: "", down: false };

  const boxes = (facet) => [...facet.querySelectorAll("input")];
  const chosen = (facet) => boxes(facet).filter((box) => box.checked).map((box) => box.value);
  const isOneOf = (row, facet) => {
    const values = chosen(facet);
    const its = row.getAttribute(`data-${facet.dataset.facet}`).split("\n");
    return !values.length || its.some((value) => values.includes(value));
  };

  function show() {
    for (const row of rows) row.hidden = !facets.every((facet) => isOneOf(row, facet));
    for (const facet of facets) {
      const values = chosen(facet);
      facet.classList.toggle("set", values.length > 0);
      facet.querySelector("b").textContent = values.join(", ") || "all";
    }
    // At equal total steps other tests were held than at equal T.
    const total = facets.find((facet) => facet.dataset.facet === "total");
    document.body.classList.toggle("total", chosen(total).length > 0);
    for (const table of tables) arrange(table);
    const visible = rows.filter((row) => !row.hidden).length;
    form.querySelector("output").textContent = `${visible} of ${rows.length} rows`;
  }

  // Rows of different data sets or networks are never mixed, nor, being in two tables, divisions.
  function arrange(table) {
    const headings = [...table.tHead.rows[0].cells];
    const column = headings.findIndex((cell) => order.by && cell.dataset.sort === order.by);
    headings.forEach((cell, index) => {
      if (index === column) cell.setAttribute("aria-sort", order.down ? "descending" : "ascending");
      else cell.removeAttribute("aria-sort");
    });
    const value = (row) => {
      const cell = row.cells[column];
      const text = cell.dataset.value || cell.textContent.trim();
      return text === "" || Number.isNaN(Number.parseFloat(text)) ? text : Number.parseFloat(text);
    };
    const section = (row) => `${row.dataset.dataset} ${row.dataset.network}`;
    const compare = (a, b) => {
      const sections = section(a).localeCompare(section(b));
      if (column < 0) return place.get(a) - place.get(b);
      const [first, second] = [value(a), value(b)];
      if (sections) return /^(dataset|network)$/.test(order.by) && order.down ? -sections : sections;
      if (typeof first !== typeof second) return typeof first === "number" ? -1 : 1; // dashes last
      const ascending =
        typeof first === "number" ? first - second : first.localeCompare(second);
      return (order.down ? -ascending : ascending) || place.get(a) - place.get(b);
    };
    table.tBodies[0].append(...[...table.tBodies[0].rows].sort(compare));
  }

  function address() {
    const state = new URLSearchParams();
    for (const facet of facets) {
      for (const value of chosen(facet)) state.append(facet.dataset.facet, value);
    }
    if (order.by) {
      state.set("sort", order.by);
      state.set("order", order.down ? "down" : "up");
    }
    return state.toString() || "all";
  }

  function choose(text) {
    const state = new URLSearchParams(text);
    for (const facet of facets) {
      const values = state.getAll(facet.dataset.facet);
      for (const box of boxes(facet)) box.checked = values.includes(box.value);
    }
    order = { by: state.get("sort") || "", down: state.get("order") === "down" };
  }

  // A permalink shows its row among those it can be compared with.
  function follow() {
    const hash = decodeURIComponent(location.hash.slice(1));
    const target = document.getElementById(hash);
    const row = target && rows.includes(target) ? target : null;
    if (row) {
      const state = new URLSearchParams({ sort: "accuracy", order: "down" });
      for (const name of ["dataset", "network", "T"]) {
        state.set(name, row.getAttribute(`data-${name}`));
      }
      choose(state.toString());
    } else if (hash.includes("=") || hash === "all") choose(location.hash.slice(1));
    else if (!target || first) choose(form.dataset.first);
    first = false;
    show();
    if (target) target.scrollIntoView({ block: row ? "center" : "start" });
  }

  function changed() {
    history.replaceState(null, "", `#${address()}`);
    show();
  }

  for (const table of tables) {
    for (const cell of table.tHead.rows[0].cells) {
      if (!cell.dataset.sort) continue;
      const button = document.createElement("button");
      button.type = "button";
      button.append(...cell.childNodes);
      cell.append(button);
      button.addEventListener("click", () => {
        const by = cell.dataset.sort;
        // Large accuracies are wanted first, of everything else small ones.
        order = { by, down: order.by === by ? !order.down : by === "accuracy" || by === "ann" };
        changed();
      });
    }
  }
  form.addEventListener("change", changed);
  form.addEventListener("reset", () => setTimeout(changed)); // the boxes are emptied after the event
  document.addEventListener("click", (event) => {
    for (const facet of facets) if (!facet.contains(event.target)) facet.open = false;
  });
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") for (const facet of facets) facet.open = false;
  });
  addEventListener("hashchange", follow);
  let first = true;
  form.hidden = false;
  follow();
})();
