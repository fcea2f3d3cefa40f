# The API in a container, from the wheel that `make dist` builds:
#   make dist && docker build -t ilgnet . && docker run -p 8765:8765 -e ILGNET_KEY=... ilgnet
FROM python:3.13-slim
COPY dist/*.whl /dist/
RUN python -m pip install --no-cache-dir "$(echo /dist/ilgnet-*.whl)[serve]" && rm -r /dist
RUN useradd --create-home ilgnet
USER ilgnet
EXPOSE 8765
HEALTHCHECK CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8765/readyz')"]
# Callers of another name than localhost: add --allow-host NAME.
CMD ["ilgnet", "serve", "--api-only", "--host", "0.0.0.0", "--port", "8765"]
