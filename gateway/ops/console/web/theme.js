// Sets the theme before the page is drawn. "system" follows the browser.
(() => {
  try {
    const theme = localStorage.getItem("weft.theme");
    if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
  } catch { /* storage may be forbidden */ }
})();
