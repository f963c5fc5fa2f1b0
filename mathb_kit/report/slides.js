"use strict";
// Arrow keys, page keys and the space bar go from slide to slide.
addEventListener("keydown", event => {
  const by = { ArrowRight: 1, PageDown: 1, " ": 1, ArrowLeft: -1, PageUp: -1 }[event.key];
  if (!by || event.target.closest("summary, input, .card, .scroll")) return;
  const slides = [...document.querySelectorAll("article")];
  const here = slides.findLastIndex(slide => slide.getBoundingClientRect().top < innerHeight / 3);
  event.preventDefault();
  slides[Math.min(Math.max(here + by, 0), slides.length - 1)].scrollIntoView();
});
