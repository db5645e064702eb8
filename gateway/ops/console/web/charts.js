// Lines over time. Each has its figures in words beside it, so that nobody needs
// to see it.

/* global uPlot */

import { h } from "./dom.js";

const charts = new Map(); // id -> {plot, series}
const height = 150; // px

const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

/** The colour that a custom property comes to: a canvas knows no light-dark(). */
function settle(name) {
  const probe = document.createElement("span");
  probe.style.color = `var(${name})`;
  document.body.append(probe);
  const value = getComputedStyle(probe).color;
  probe.remove();
  return value || colour(name);
}

/** The place of a chart: what is drawn in it stays. */
export const place = (id, label) => h("div", { class: "chart", id, key: id, role: "img", "aria-label": label, "data-keep": true });

/** Draws, or draws again. series: [{label, tone, fill, dash}], data: [seconds, ...values]. */
export function draw(id, series, data, format) {
  const box = document.getElementById(id);
  if (!box || box.closest("[hidden]") || !box.clientWidth) return;
  const sign = series.map((s) => s.label).join();
  let chart = charts.get(id);
  if (chart && (chart.box !== box || chart.sign !== sign)) {
    chart.plot.destroy();
    chart.watch.disconnect();
    chart = null;
  }
  if (!chart) {
    chart = { box, sign, plot: new uPlot(options(box, series, format), data, box) };
    chart.watch = new ResizeObserver(() => { if (box.clientWidth) chart.plot.setSize({ width: box.clientWidth, height }); });
    chart.watch.observe(box);
    charts.set(id, chart);
    return;
  }
  chart.plot.setData(data);
}

/** Forgets all charts, so that they are drawn in other colours. */
export function forget() {
  for (const c of charts.values()) {
    c.plot.destroy();
    c.watch.disconnect();
  }
  charts.clear();
}

function options(box, series, format) {
  const ink = settle("--soft"), line = settle("--line");
  const axis = { stroke: ink, grid: { stroke: line, width: 1 }, ticks: { show: false }, font: "12px system-ui, sans-serif" };
  return {
    width: box.clientWidth, height, legend: { show: false }, cursor: { show: false }, padding: [8, 26, 0, 0],
    scales: { y: { range: (_, __, max) => [0, Math.max(max * 1.15, 1)] } },
    axes: [
      { ...axis, space: 70, size: 32, values: [[60, "{HH}:{mm}", null, null, null, null, null, null, 0], [1, "{HH}:{mm}:{ss}", null, null, null, null, null, null, 0]] },
      { ...axis, size: 56, space: 34, values: (_, ticks) => ticks.map(format) },
    ],
    series: [{}, ...series.map((s) => ({
      label: s.label, stroke: settle(s.tone), width: 2, dash: s.dash, points: { show: true, size: 5, filter: (u, i) => alone(u.data[i]) }, spanGaps: true,
      fill: s.fill ? settle(s.fill) : undefined,
    }))],
  };
}

/** Where a value stands alone, so that no line shows it. */
function alone(values) {
  const there = (i) => values[i] !== null && values[i] !== undefined;
  return values.map((_, i) => i).filter((i) => there(i) && !there(i - 1) && !there(i + 1));
}

/** The last minutes of the activity in even steps: [seconds, ...one array a pick]. What is not there is nothing, or null. */
export function grid(activity, minutes, picks, gap) {
  const width = activity.stepSeconds;
  const last = Math.floor(new Date(activity.at) / 1000 / width) * width;
  const at = new Map(activity.steps.map((s) => [new Date(s.at) / 1000, s]));
  const xs = [];
  for (let x = last - minutes * 60; x <= last; x += width) xs.push(x);
  return [xs, ...picks.map((pick) => xs.map((x) => (at.has(x) ? pick(at.get(x)) ?? gap : gap)))];
}
