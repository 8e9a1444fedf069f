// Draws the charts of the metrics page from the page's own JSON. Every figure also stands in a table below.
const style = getComputedStyle(document.documentElement);
const colour = (name, fallback) => style.getPropertyValue(name).trim() || fallback;
const ACCENT = colour("--tblr-primary", "#1f6f54");
const QUIET = colour("--tblr-gray-400", "#9aa5b1");
const HOUR = 60;

const base = (groups) => ({
  animation: !matchMedia("(prefers-reduced-motion: reduce)").matches,
  grid: { left: 48, right: 16, top: 40, bottom: 32 },
  tooltip: { trigger: "axis", renderMode: "richText" },
  legend: { top: 0, left: 0 },
  xAxis: { type: "category", data: groups.map((group) => group.key) },
  yAxis: { type: "value", minInterval: 1 },
});

const hours = (minutes) => (minutes === null ? null : Math.round((minutes / HOUR) * 10) / 10);

const OPTIONS = {
  signed: (groups, text) => ({
    ...base(groups),
    series: [
      { name: text.textElectronic, type: "bar", stack: "all", color: ACCENT, data: groups.map((group) => group.signed_electronic) },
      { name: text.textPaper, type: "bar", stack: "all", color: QUIET, data: groups.map((group) => group.signed_paper) },
    ],
  }),
  time: (groups, text) => ({
    ...base(groups),
    series: [
      { name: text.textMedian, type: "line", color: ACCENT, data: groups.map((group) => hours(group.median_minutes)) },
      { name: text.textP90, type: "line", color: QUIET, lineStyle: { type: "dashed" }, data: groups.map((group) => hours(group.p90_minutes)) },
    ],
  }),
};

async function draw(element) {
  const answer = await fetch(element.dataset.src, { headers: { Accept: "application/json" } });
  if (!answer.ok) return;
  const report = await answer.json();
  const chart = window.echarts.init(element, null, { renderer: "svg" });
  chart.setOption(OPTIONS[element.dataset.chart](report.groups, element.dataset));
  new ResizeObserver(() => chart.resize()).observe(element);
}

document.querySelectorAll("[data-chart]").forEach(draw);
