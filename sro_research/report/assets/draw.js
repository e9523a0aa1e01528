// Runs after vl-convert's bundle of Vega in a bare JavaScript engine, which has no page, no clock and no fonts.
globalThis.drawer = (() => {
  // The bundle names the libraries for itself only; they are told by what they hold.
  const libraries = [/*LIBRARIES*/];
  const vega = libraries.find((one) => one.View && one.textMetrics);
  const vegaLite = libraries.find((one) => one.compile && !one.View);
  const parsed = new Map();
  const MOST = 500, UNKNOWN = 1229;
  let drawn, error;

  return {
    // By weight (normal and bold), `widths` has for a width in 1/2048 em the characters that are so wide; `pairs` has
    // for a distance the pairs of characters (one after the other, with nothing between) that stand so much apart.
    measureBy(typeface) {
      const measures = {};
      for (const [weight, { widths, pairs }] of Object.entries(typeface)) {
        const { width, kerning } = (measures[weight] = { width: {}, kerning: {} });
        for (const [units, characters] of Object.entries(widths))
          for (const character of characters) width[character] = Number(units);
        for (const [units, characters] of Object.entries(pairs))
          for (const pair of characters.match(/../gsu)) kerning[pair] = Number(units);
      }
      vega.textMetrics.width = (item, text) => {
        const { width, kerning } = measures[item.fontWeight === "bold" ? "bold" : "normal"];
        let units = 0, before = "";
        for (const character of String(text ?? item.text ?? "")) {
          units += (width[character] ?? UNKNOWN) + (kerning[before + character] ?? 0);
          before = character;
        }
        return (units * (item.fontSize ?? 11)) / 2048;
      };
    },

    // What a specification asks for is worked out once for all rows that it is drawn with.
    draw(text) {
      drawn = error = null;
      try {
        vega.resetSVGDefIds(); // It numbers clip paths on from chart to chart: a page would show what was drawn before.
        const specification = JSON.parse(text), rows = specification.datasets ?? {};
        specification.datasets = Object.fromEntries(Object.keys(rows).map((name) => [name, []]));
        const key = JSON.stringify(specification);
        if (!parsed.has(key)) {
          if (parsed.size === MOST) parsed.delete(parsed.keys().next().value);
          parsed.set(key, vega.parse(vegaLite.compile(specification).spec));
        }
        const view = new vega.View(parsed.get(key), { renderer: "none", logLevel: vega.None });
        for (const name in rows) view.data(name, rows[name]);
        view.toSVG().then((svg) => { drawn = svg; view.finalize(); }, (raised) => { error = String(raised); });
      } catch (raised) {
        error = String(raised);
      }
      return true;
    },

    // Drawing ends after the call that began it.
    result() {
      return JSON.stringify({ svg: drawn, error: error ?? "nothing was drawn" });
    },
  };
})();
