// Charts of the metrics page. Each .chart names its kind (data-chart) and the address of its figures (data-src,
// the JSON of GET /api/v1/metrics grouped by month); the table beside it says the same in words.

const COLOURS = { electronic: "#1d5fa8", paper: "#b0791f", median: "#1d5fa8", p90: "#7c5cc4" };
const language = document.documentElement.lang || "id";
const number = new Intl.NumberFormat(language, { maximumFractionDigits: 1 });
const month = new Intl.DateTimeFormat(language, { month: "short", year: "2-digit", timeZone: "UTC" });
const hours = (minutes) => (minutes === null || minutes === undefined ? null : Math.round(minutes / 6) / 10);

const bars = (box, groups) => [
  { name: box.dataset.textElectronic, type: "bar", stack: "signed", barMaxWidth: 42, color: COLOURS.electronic, data: groups.map((group) => group.signed_electronic) },
  { name: box.dataset.textPaper, type: "bar", stack: "signed", barMaxWidth: 42, color: COLOURS.paper, data: groups.map((group) => group.signed_paper), itemStyle: { decal: { symbol: "rect", symbolSize: 0.6, dashArrayX: [1, 0], dashArrayY: [3, 4], rotation: 0.8, color: "rgba(255,255,255,0.45)" } } },
];
const line = (name, color, data, symbol, type) => ({ name, type: "line", color, data, symbol, symbolSize: 8, connectNulls: true, lineStyle: { width: 2.5, type } });
const lines = (box, groups) => [
  line(box.dataset.textMedian, COLOURS.median, groups.map((group) => hours(group.median_minutes)), "circle", "solid"),
  line(box.dataset.textP90, COLOURS.p90, groups.map((group) => hours(group.p90_minutes)), "diamond", "dashed"),
];

async function draw(box) {
  const answer = await fetch(box.dataset.src, { headers: { Accept: "application/json" } });
  if (!answer.ok) return;
  const { groups } = await answer.json();
  const chart = window.echarts.init(box, null, { renderer: "svg" });
  chart.setOption({
    animation: false,
    textStyle: { fontFamily: getComputedStyle(document.body).fontFamily },
    grid: { left: 8, right: 16, top: 16, bottom: 40, containLabel: true },
    legend: { bottom: 0, icon: "roundRect", textStyle: { color: "#1b2430" } },
    tooltip: { trigger: "axis", renderMode: "richText", valueFormatter: (value) => (value === null ? "–" : number.format(value)) },
    xAxis: { type: "category", axisTick: { show: false }, axisLabel: { color: "#566171" }, data: groups.map((group) => month.format(new Date(`${group.key}-01T00:00:00Z`))) },
    yAxis: { type: "value", axisLabel: { color: "#566171", formatter: (value) => number.format(value) }, splitLine: { lineStyle: { color: "#e6eaef" } } },
    series: box.dataset.chart === "signed" ? bars(box, groups) : lines(box, groups),
  });
  new ResizeObserver(() => chart.resize()).observe(box);
  box.dataset.drawn = "yes";
}

for (const box of document.querySelectorAll("[data-chart]")) draw(box);
