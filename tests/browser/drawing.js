// Draws what the window shows as SVG: boxes, borders, text where it stands, drawings as they are. Gives the text of it.
const [done] = arguments;
const [width, height] = [innerWidth, innerHeight];
const out = [];
const n = (number) => Math.round(number * 10) / 10;
const safe = (text) => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll('"', "&quot;");
const shows = (colour) => colour && colour !== "transparent" && !/, 0\)$/.test(colour);
const later = [];
const images = new Map();

const within = (box) => box.right > 0 && box.bottom > 0 && box.left < width && box.top < height;
function clip(element) {
  let [right, bottom, left, top] = [width, height, 0, 0];
  for (let at = element; at && at !== document.documentElement; at = at.parentElement) {
    const style = getComputedStyle(at);
    if (style.overflowX !== "visible" || style.overflowY !== "visible") {
      const box = at.getBoundingClientRect();
      [right, bottom] = [Math.min(right, box.right), Math.min(bottom, box.bottom)];
      [left, top] = [Math.max(left, box.left), Math.max(top, box.top)];
    }
    if (style.position === "fixed") break;
  }
  return { right, bottom, left, top };
}
function box(element, style) {
  const seen = element.getBoundingClientRect();
  const kept = clip(element.parentElement ?? element);
  const [left, top] = [Math.max(seen.left, kept.left), Math.max(seen.top, kept.top)];
  const [wide, high] = [Math.min(seen.right, kept.right) - left, Math.min(seen.bottom, kept.bottom) - top];
  if (wide <= 0 || high <= 0) return;
  const radius = n(Math.min(Number.parseFloat(style.borderTopLeftRadius) || 0, high / 2));
  const fill = shows(style.backgroundColor) ? style.backgroundColor : "none";
  const sides = ["Top", "Right", "Bottom", "Left"].map((side) => [Number.parseFloat(style[`border${side}Width`]), style[`border${side}Color`], style[`border${side}Style`]]);
  const alike = sides.every((side) => side.join() === sides[0].join());
  const [thick, colour, kind] = sides[0];
  const stroked = alike && thick > 0 && kind !== "none" && shows(colour);
  const inset = stroked ? thick / 2 : 0;
  if (fill !== "none" || stroked) {
    out.push(`<rect x="${n(left + inset)}" y="${n(top + inset)}" width="${n(Math.max(wide - 2 * inset, 0))}" height="${n(Math.max(high - 2 * inset, 0))}"`
      + `${radius ? ` rx="${radius}"` : ""} fill="${fill}"${stroked ? ` stroke="${colour}" stroke-width="${n(thick)}"${kind === "dashed" ? ' stroke-dasharray="3 2"' : ""}` : ""}/>`);
  }
  if (alike) return;
  const lines = [[left, top, left + wide, top], [left + wide, top, left + wide, top + high], [left, top + high, left + wide, top + high], [left, top, left, top + high]];
  sides.forEach(([thick, colour, kind], at) => {
    if (thick > 0 && kind !== "none" && shows(colour)) {
      const [x1, y1, x2, y2] = lines[at].map(n);
      out.push(`<path d="M${x1} ${y1}L${x2} ${y2}" stroke="${colour}" stroke-width="${n(thick)}"/>`);
    }
  });
}
function say(text, left, right, baseline, style) {
  const shown = text.replace(/\s+/g, " ").trim();
  if (!shown) return;
  const mono = style.fontFamily.includes("mono");
  const weight = Number(style.fontWeight) >= 600 ? ' font-weight="600"' : "";
  out.push(`<text x="${n(left)}" y="${n(baseline)}" font-size="${n(Number.parseFloat(style.fontSize))}"${weight}${mono ? ' class="m"' : ""} fill="${style.color}"`
    + ` textLength="${n(Math.max(right - left, 1))}" lengthAdjust="spacingAndGlyphs">${safe(shown)}</text>`);
}
function words(node) {
  const element = node.parentElement;
  const style = getComputedStyle(element);
  const kept = clip(element);
  const range = document.createRange();
  let line = null;
  const flush = () => {
    if (line?.text.trim() && line.top + 2 >= kept.top && line.bottom - 2 <= kept.bottom) {
      const size = Number.parseFloat(style.fontSize);
      say(line.cut ? `${line.text.trim()}…` : line.text, line.left, line.right, (line.top + line.bottom) / 2 + size * 0.35, style);
    }
    line = null;
  };
  for (let at = 0; at < node.data.length; at += 1) {
    range.setStart(node, at);
    range.setEnd(node, at + 1);
    const [seen] = range.getClientRects();
    if (!seen || (!seen.width && !node.data[at].trim())) continue;
    if (line && Math.abs(seen.top - line.top) > 3) flush();
    if (!line) {
      if (!node.data[at].trim()) continue;
      line = { text: "", left: seen.left, right: seen.right, top: seen.top, bottom: seen.bottom, cut: false };
    }
    if (line.cut || seen.left < kept.left - 1) continue;
    if (seen.right > kept.right + 1) { line.cut = true; continue; }
    line.text += node.data[at];
    if (node.data[at].trim()) line.right = seen.right;
  }
  flush();
}
function drawing(element) {
  const seen = element.getBoundingClientRect();
  const copy = element.cloneNode(true);
  const [from, to] = [[element, ...element.querySelectorAll("*")], [copy, ...copy.querySelectorAll("*")]];
  from.forEach((one, at) => {
    const style = getComputedStyle(one);
    for (const name of ["fill", "stroke", "stroke-width", "stroke-dasharray"]) {
      const value = style.getPropertyValue(name);
      if (one !== element && value && value !== "none") to[at].setAttribute(name, value.replace("px", ""));
      else if (one !== element && name === "fill" && value === "none") to[at].setAttribute(name, "none");
    }
    if (style.vectorEffect !== "none") to[at].setAttribute("vector-effect", style.vectorEffect);
    for (const name of ["class", "role", "aria-label", "aria-labelledby", "aria-hidden", "id", "tabindex"]) to[at].removeAttribute(name);
  });
  copy.querySelectorAll("title, desc").forEach((one) => one.remove());
  copy.querySelectorAll("a").forEach((one) => one.replaceWith(...one.childNodes));
  copy.removeAttribute("data-key");
  for (const [name, value] of [["x", seen.left], ["y", seen.top], ["width", seen.width], ["height", seen.height]]) copy.setAttribute(name, n(value));
  const text = new XMLSerializer().serializeToString(copy).replaceAll(/ xmlns(:\w+)?="[^"]*"/g, "");
  if (within(seen)) out.push(text);
}
function field(element, style) {
  const seen = element.getBoundingClientRect();
  const pad = Number.parseFloat(style.paddingLeft) + Number.parseFloat(style.borderLeftWidth);
  if (element.type === "checkbox" || element.type === "radio") {
    out.push(`<rect x="${n(seen.left + 1)}" y="${n(seen.top + 1)}" width="${n(seen.width - 2)}" height="${n(seen.height - 2)}" rx="${element.type === "radio" ? n(seen.width / 2) : 2.5}"`
      + ` fill="${element.checked ? style.accentColor : "none"}" stroke="#7c8798"/>`);
    return;
  }
  const value = element.tagName === "SELECT" ? element.selectedOptions[0]?.textContent ?? "" : element.type === "password" ? "•".repeat(element.value.length) : element.value;
  const shown = value || element.placeholder || "";
  const canvas = document.createElement("canvas").getContext("2d");
  canvas.font = `${style.fontWeight} ${style.fontSize} ${style.fontFamily}`;
  const room = seen.width - 2 * pad - (element.tagName === "SELECT" ? 16 : 0);
  let cut = shown;
  while (cut && canvas.measureText(cut).width > room) cut = cut.slice(0, -1);
  const size = Number.parseFloat(style.fontSize);
  const baseline = element.tagName === "TEXTAREA" ? seen.top + Number.parseFloat(style.paddingTop) + size * 1.2 : (seen.top + seen.bottom) / 2 + size * 0.35;
  const colour = value ? style.color : getComputedStyle(element, "::placeholder").color;
  say(cut, seen.left + pad, seen.left + pad + canvas.measureText(cut.trim()).width, baseline, { ...{ fontFamily: style.fontFamily, fontWeight: style.fontWeight, fontSize: style.fontSize }, color: colour });
  if (element.tagName === "SELECT") out.push(`<path d="M${n(seen.right - pad - 9)} ${n((seen.top + seen.bottom) / 2 - 2)}l4 4 4-4" fill="none" stroke="${style.color}" stroke-width="1.5"/>`);
}
function paint(element, top = false) {
  const style = getComputedStyle(element);
  if (style.display === "none" || style.visibility === "hidden" || style.opacity === "0") return;
  const seen = element.getBoundingClientRect();
  if (seen.width <= 1.5 && seen.height <= 1.5 && element.childElementCount === 0) return;
  if (element.matches("details:not([open]) > :not(summary)")) return;
  if (element.matches(".visually-hidden, [popover], script, style, option, caption.visually-hidden")) return;
  if (!top && (style.position === "fixed" || style.position === "sticky" || element.matches("dialog[open]"))) { later.push(element); return; }
  if (element.matches("dialog[open]")) out.push(`<rect width="${width}" height="${height}" fill="#080c14" fill-opacity=".5"/>`);
  if (within(seen)) box(element, style);
  if (element.tagName === "svg") { drawing(element); return; }
  if (element.tagName === "IMG") { const { left, top: up } = seen; out.push((images.get(element.src) ?? "").replace("<svg", `<svg x="${n(left)}" y="${n(up)}" width="${n(seen.width)}" height="${n(seen.height)}"`)); return; }
  if (element.matches("input, select, textarea")) { if (within(seen) && element.type !== "hidden") field(element, style); return; }
  for (const child of element.childNodes) {
    if (child.nodeType === Node.ELEMENT_NODE) paint(child);
    else if (child.nodeType === Node.TEXT_NODE && child.data.trim() && within(seen)) words(child);
  }
}
const loaded = [...document.images].map(async (image) => {
  if (images.has(image.src)) return;
  images.set(image.src, "");
  const text = await (await fetch(image.src)).text();
  images.set(image.src, text.replace(/^<svg[^>]*>/, (head) => head.replaceAll(/ (xmlns|width|height)="[^"]*"/g, "")).trim());
});
Promise.all(loaded).then(() => {
  paint(document.body);
  const rank = (element) => element.matches("dialog") ? 2 : getComputedStyle(element).position === "sticky" ? 0 : 1;
  const open = later.filter((element) => !element.matches("dialog:not([open])")).sort((one, other) => rank(one) - rank(other));
  for (const element of open) paint(element, true);
  const style = "text{font-family:system-ui,-apple-system,'Segoe UI',Roboto,'Helvetica Neue',Arial,sans-serif;white-space:pre}.m{font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,monospace}";
  done(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img">\n<style>${style}</style>\n${out.join("\n")}\n</svg>\n`);
}, (error) => done(`${error}`));
