"use strict";
// Any two runs side by side; without scripts, the reference and the best other run are shown.
(() => {
  document.querySelectorAll("select[data-side]").forEach((select) => {
    const side = select.dataset.side;
    const pictures = document.getElementById(`${side}-pictures`);
    const name = document.getElementById(`${side}-name`);
    select.closest("[hidden]").hidden = false;
    const show = () => {
      const chosen = document.querySelector(`template[data-run="${select.value}"]`);
      pictures.replaceChildren(chosen.content.cloneNode(true));
      name.textContent = select.selectedOptions[0].textContent;
    };
    select.addEventListener("change", show);
    show(); // a browser may have kept another choice from the last visit
  });
})();
