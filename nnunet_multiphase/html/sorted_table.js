"use strict";
{
  const table = document.getElementById("cases");
  const bodies = [...table.tBodies];
  const heads = [...table.tHead.rows[0].cells];
  const keys = new Map(bodies.map(body => [body, JSON.parse(body.dataset.keys)]));
  const place = new Map(bodies.map((body, i) => [body, i]));
  const compare = (p, q) =>
    typeof p === "number" ? p - q : p.localeCompare(q, "en", { numeric: true });
  const sort = (column, sign) => {
    bodies.sort((a, b) => {
      const p = keys.get(a)[column], q = keys.get(b)[column];
      const unknown = (p === null) - (q === null);
      const order = unknown || (p === null ? 0 : sign * compare(p, q));
      return order || place.get(a) - place.get(b);
    });
    table.append(...bodies);
  };
  heads.forEach((head, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...head.childNodes);
    head.append(button);
    button.addEventListener("click", () => {
      const [first, second] = head.dataset.first === "ascending"
        ? ["ascending", "descending"] : ["descending", "ascending"];
      const order = head.getAttribute("aria-sort") === first ? second : first;
      heads.forEach(other => other.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", order);
      sort(column, order === "ascending" ? 1 : -1);
    });
  });
  const tools = document.getElementById("tools");
  const texts = new Map(bodies.map(body =>
    [body, [...body.querySelectorAll("th, td")].map(cell => cell.textContent).join(" ").toLowerCase()]));
  const filter = tools.querySelector("input");
  const show = () => {
    const words = filter.value.toLowerCase().split(" ").filter(Boolean);
    bodies.forEach(body => { body.hidden = !words.every(word => texts.get(body).includes(word)); });
    const shown = bodies.filter(body => !body.hidden).length;
    tools.querySelector("[role=status]").textContent = `${shown} of ${bodies.length}`;
  };
  filter.addEventListener("input", show);
  tools.hidden = false;
  show();
}
