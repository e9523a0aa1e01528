// What axe cannot see in inline SVG. Returns a list of faults of the charts that are shown now, in words.
// Contrast is measured against what is painted beneath a text or mark, not against the page.
(smallestText) => {
  const faults = [];
  const say = (chart, fault) => faults.push(`${chart.querySelector("title").textContent}: ${fault}`);

  const parse = (color) => {
    const n = color.match(/[\d.]+/g);
    return n && color.startsWith("rgb") ? { rgb: n.slice(0, 3).map(Number), alpha: n[3] === undefined ? 1 : +n[3] } : null;
  };
  const over = (top, alpha, below) => top.map((v, i) => alpha * v + (1 - alpha) * below[i]);
  const luminance = (rgb) => {
    const [r, g, b] = rgb.map((v) => ((v /= 255) <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const contrast = (a, b) => {
    const [dark, light] = [luminance(a), luminance(b)].sort((x, y) => x - y);
    return (light + 0.05) / (dark + 0.05);
  };
  const opacity = (element) => {
    let value = 1;
    for (let e = element; e && e.style; e = e.parentElement) value *= +getComputedStyle(e).opacity;
    return value;
  };
  // The paint of an element: its colour and how much of what lies beneath it covers.
  const paint = (element, kind) => {
    const style = getComputedStyle(element);
    const color = parse(style[kind]);
    return color && { rgb: color.rgb, alpha: color.alpha * +style[`${kind}Opacity`] * opacity(element) };
  };
  const paper = parse(getComputedStyle(document.body).backgroundColor).rgb;

  const beneath = (chart, element, x, y) => {
    let color = paper;
    for (const shape of chart.querySelectorAll("path, rect, circle")) {
      if (!(shape.compareDocumentPosition(element) & Node.DOCUMENT_POSITION_FOLLOWING)) break;
      const fill = paint(shape, "fill");
      if (!fill || !fill.alpha) continue;
      if (shape.isPointInFill(new DOMPoint(x, y).matrixTransform(shape.getScreenCTM().inverse())))
        color = over(fill.rgb, fill.alpha, color);
    }
    return color;
  };

  for (const chart of document.querySelectorAll("svg.chart")) {
    const frame = chart.getBoundingClientRect();
    if (!frame.width) continue;
    const texts = [...chart.querySelectorAll("text")].filter((text) => text.textContent.trim());
    if (!texts.length) say(chart, "no text at all");
    const boxes = texts.map((text) => text.getBoundingClientRect());
    texts.forEach((text, i) => {
      const [box, words] = [boxes[i], text.textContent];
      const pixels = parseFloat(getComputedStyle(text).fontSize) * text.getScreenCTM().d;
      if (pixels < smallestText - 0.05) say(chart, `'${words}' is ${pixels.toFixed(1)} px tall`);
      if (words.includes("…")) say(chart, `'${words}' is cut short`);
      if (box.left < frame.left - 0.5 || box.right > frame.right + 0.5 || box.top < frame.top - 0.5 || box.bottom > frame.bottom + 0.5)
        say(chart, `'${words}' is clipped`);
      boxes.slice(0, i).forEach((other, j) => {
        const wide = Math.min(box.right, other.right) - Math.max(box.left, other.left);
        const high = Math.min(box.bottom, other.bottom) - Math.max(box.top, other.top);
        if (wide > 1 && high > 2) say(chart, `'${words}' lies over '${texts[j].textContent}'`);
      });
      const ink = paint(text, "fill");
      for (const across of [0.02, 0.5, 0.98]) {
        const below = beneath(chart, text, box.left + across * box.width, box.top + box.height / 2);
        const ratio = contrast(over(ink.rgb, ink.alpha, below), below);
        if (ratio < 4.5) say(chart, `'${words}' has a contrast of ${ratio.toFixed(2)}`);
      }
    });
    for (const mark of chart.querySelectorAll("path, rect, circle, line")) {
      if (mark.matches(".s-grid, .f-grid")) continue;
      const box = mark.getBoundingClientRect();
      const kinds = mark.tagName === "line" ? ["stroke"] : ["fill", "stroke"];
      const paints = kinds.map((kind) => paint(mark, kind)).filter((p) => p && p.alpha);
      if (!paints.length || (!box.width && !box.height)) continue;
      const best = Math.max(...paints.map((p) => contrast(over(p.rgb, p.alpha, paper), paper)));
      if (best < 3) say(chart, `a mark (${mark.getAttribute("class")}) has a contrast of ${best.toFixed(2)}`);
    }
  }
  return [...new Set(faults)];
};
