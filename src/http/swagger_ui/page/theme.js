// Dark where the system is. Swagger UI has the colours, and leaves the choice to a class.

const dark = matchMedia('(prefers-color-scheme: dark)');
const apply = () => document.documentElement.classList.toggle('dark-mode', dark.matches);

dark.addEventListener('change', apply);
apply();
