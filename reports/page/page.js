"use strict";
/* The page works without script; with it the theme can be chosen, the command copied, the chapter seen in the contents,
   and the pictures become a viewer. */

function theme() {
  const root = document.documentElement, button = document.querySelector(".theme");
  const system = window.matchMedia("(prefers-color-scheme: dark)");
  const isDark = () => (root.dataset.theme ?? (system.matches ? "dark" : "light")) === "dark";
  const mark = () => button.setAttribute("aria-pressed", String(isDark()));
  let kept = null;
  try { kept = localStorage.getItem("report-theme"); } catch { /* a file may have no storage */ }
  if (kept === "dark" || kept === "light") root.dataset.theme = kept;
  button.hidden = false;
  button.addEventListener("click", () => {
    root.dataset.theme = isDark() ? "light" : "dark";
    try { localStorage.setItem("report-theme", root.dataset.theme); } catch { /* as above */ }
    mark();
  });
  system.addEventListener("change", mark);
  mark();
}

function copying() {
  for (const button of document.querySelectorAll(".copy")) {
    button.hidden = false;
    button.addEventListener("click", async () => {
      const code = button.parentElement.querySelector("code");
      let done = true;
      try { await navigator.clipboard.writeText(code.textContent); } catch {
        getSelection().selectAllChildren(code); // without permission, the old way
        done = document.execCommand("copy");
      }
      button.textContent = done ? "Copied" : "Select and copy by hand";
    });
  }
}

function crops(viewer) {
  for (const button of document.querySelectorAll("[data-crop]")) {
    button.addEventListener("click", () => {
      const index = viewer.layers.findIndex((l) => l.label === button.dataset.label);
      if (index >= 0 && index !== viewer.left && index !== viewer.right) viewer.choose("right", index);
      viewer.show(...button.dataset.crop.split(" ").map(Number));
      viewer.root.scrollIntoView({ block: "nearest" });
      viewer.stage.focus({ preventScroll: true });
    });
  }
}

function scrollers() { // boxes that do not scroll need no focus
  const mark = () => document.querySelectorAll(".scroll").forEach((e) => (e.tabIndex = e.scrollWidth > e.clientWidth ? 0 : -1));
  addEventListener("resize", mark);
  mark();
}

function contents() { // marks the chapter that is being read
  const nav = document.querySelector(".top nav");
  const links = new Map([...document.querySelectorAll(".top nav a")].map((a) => [a.hash.slice(1), a]));
  const seen = new IntersectionObserver((entries) => {
    for (const { isIntersecting, target } of entries) {
      const link = links.get(target.id);
      if (isIntersecting) {
        links.forEach((a) => a.removeAttribute("aria-current"));
        link.setAttribute("aria-current", "true");
        nav.scrollTo({ left: link.offsetLeft - nav.clientWidth / 3, top: link.offsetTop - nav.clientHeight / 3 });
      }
    }
  }, { rootMargin: "-20% 0px -75% 0px" });
  links.forEach((_, id) => seen.observe(document.getElementById(id)));
}

theme();
copying();
scrollers();
contents();
const root = document.getElementById("viewer");
if (root) crops(new Viewer(root));
addEventListener("beforeprint", () => document.querySelectorAll("details").forEach((d) => (d.open = true)));
