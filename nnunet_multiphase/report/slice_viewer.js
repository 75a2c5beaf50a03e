"use strict";
{
  const viewer = document.getElementById("viewer");
  const shown = JSON.parse(document.getElementById("slices").textContent);
  const range = viewer.querySelector("input[type=range]");
  const said = viewer.querySelector("output");
  const drawn = [...viewer.querySelectorAll("svg")];
  const last = shown.names.length - 1;
  const make = (parent, tag, attributes, text) => {
    const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
    for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
    if (text) made.textContent = text;
    parent.append(made);
    return made;
  };
  const show = place => {
    const at = Math.min(last, Math.max(0, place));
    range.value = at;
    range.setAttribute("aria-valuetext", shown.names[at]);
    said.textContent = shown.names[at];
    for (const svg of drawn) {
      svg.querySelector("image").setAttribute(
        "href", "data:image/jpeg;base64," + shown.pictures[svg.dataset.phase][at]);
      const group = svg.querySelector("g");
      group.replaceChildren();
      for (const [lesion, path] of shown.outlines[at]) {
        const outline = make(group, "path", { class: "outline", d: path });
        make(outline, "title", {}, "lesion " + lesion);
        const box = outline.getBBox();
        make(group, "text", { x: box.x + box.width + 1.5, y: box.y + 1.5 }, lesion);
      }
    }
  };
  const step = by => show(Number(range.value) + by);
  range.addEventListener("input", () => step(0));
  viewer.querySelector("input[type=checkbox]").addEventListener("change", event => {
    viewer.classList.toggle("plain", !event.target.checked);
  });
  const keys = { ArrowUp: 1, ArrowRight: 1, ArrowDown: -1, ArrowLeft: -1, PageUp: 10, PageDown: -10,
    Home: -last, End: last };
  viewer.addEventListener("keydown", event => {
    const by = event.altKey || event.ctrlKey || event.metaKey ? undefined : keys[event.key];
    if (by === undefined) return;
    event.preventDefault();
    step(by);
  });
  // A trackpad sends many small turns: a slice for each 40 of them, which is less than a notch of a wheel.
  let turned = 0;
  viewer.querySelector(".phases").addEventListener("wheel", event => {
    if (event.ctrlKey) return;
    event.preventDefault();
    turned += event.deltaMode ? 40 * Math.sign(event.deltaY) : event.deltaY;
    const slices = Math.trunc(turned / 40);
    if (!slices) return;
    turned = 0;
    step(-Math.sign(slices));
  }, { passive: false });
  for (const button of document.querySelectorAll("[data-jump]")) {
    button.hidden = !(button.dataset.jump in shown.jumps);
    button.addEventListener("click", () => {
      show(shown.jumps[button.dataset.jump]);
      if (!viewer.contains(button)) viewer.scrollIntoView({ block: "nearest" });
      viewer.focus({ preventScroll: true });
    });
  }
  viewer.hidden = false;
  show(Number(range.value));
}
