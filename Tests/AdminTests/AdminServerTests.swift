import Admin
import NetworkTypes
import Reactor
import Testing

@Suite("The admin server, over loopback")
struct AdminServerTests {
    private func status(_ answer: String) -> String {
        answer.split(separator: " ").dropFirst().first.map(String.init) ?? "no answer"
    }

    @Test("A route answers GET with its body and type")
    func get() throws {
        let server = try RunningServer()
        let answer = try server.exchange("GET /ok HTTP/1.1\r\nHost: localhost\r\n\r\n")
        #expect(answer.hasPrefix("HTTP/1.1 200 "))
        #expect(answer.contains("Content-Type: text/plain; charset=utf-8\r\n"))
        #expect(answer.contains("Content-Length: 3\r\n"))
        #expect(answer.contains("Cache-Control: no-store\r\n"))
        #expect(answer.hasSuffix("\r\n\r\nok\n"))
    }

    @Test("HEAD has the length and no body")
    func head() throws {
        let answer = try RunningServer().exchange("HEAD /ok HTTP/1.1\r\nHost: localhost\r\n\r\n")
        #expect(answer.contains("Content-Length: 3\r\n") && answer.hasSuffix("\r\n\r\n"))
    }

    @Test(
        "What is no page, no reading or no request has its status",
        arguments: [
            Exchange("an unknown page", "GET /nowhere HTTP/1.1\r\nHost: localhost\r\n\r\n", "404"),
            Exchange("a page and a slash", "GET /ok/ HTTP/1.1\r\nHost: localhost\r\n\r\n", "404"),
            Exchange("POST", "POST /ok HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\nab", "405"),
            Exchange("DELETE", "DELETE /ok HTTP/1.1\r\nHost: localhost\r\n\r\n", "405"),
            Exchange("PUT", "PUT /ok HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n", "405"),
            Exchange("no method", "BREW /ok HTTP/1.1\r\nHost: localhost\r\n\r\n", "501"),
            Exchange("a huge field", "GET /ok HTTP/1.1\r\nX: \(String(repeating: "a", count: 20_000))\r\n\r\n", "400"),
            Exchange("a huge body", "POST /ok HTTP/1.1\r\nContent-Length: 99999999999\r\n\r\nab", "413"),
            Exchange("HTTP/1.0", "GET /ok HTTP/1.0\r\n\r\n", "200"),
        ])
    func statuses(exchange: Exchange) throws {
        #expect(status(try RunningServer().exchange(exchange.request)) == exchange.status)
    }

    struct Exchange: Sendable, CustomTestStringConvertible {
        let testDescription: String
        let request: String
        let status: String

        init(_ name: String, _ request: String, _ status: String) {
            (testDescription, self.request, self.status) = (name, request, status)
        }
    }

    @Test(
        "security 37: a Host that is a foreign name is refused, as DNS rebinding would have it",
        arguments: [
            ("evil.example", "403"), ("evil.example:9060", "403"), ("localhost.evil.example", "403"),
            ("127.0.0.1", "200"),
            ("127.0.0.1:9060", "200"), ("[::1]:9060", "200"), ("LOCALHOST:1", "200"),
        ])
    func foreignHost(host: String, expected: String) throws {
        #expect(status(try RunningServer().exchange("GET /ok HTTP/1.1\r\nHost: \(host)\r\n\r\n")) == expected)
    }

    @Test("The query comes decoded")
    func query() throws {
        let server = try RunningServer { server, _ in
            server.route("/echo") { request, reply in
                let query = request.query.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }
                reply.send("\(request.method.rawValue) \(request.path) \(query.joined(separator: ";"))")
            }
            return nil
        }
        #expect(try server.text("/echo?b=x%20y&a=1&a=2") == "GET /echo a=2;b=x y")
        #expect(try server.text("/echo") == "GET /echo ")
        #expect(try server.text("/echo?%&&==").hasPrefix("GET /echo"))
    }

    @Test("An answer may come in a later turn")
    func later() throws {
        let server = try RunningServer { server, loop in
            let held = HeldReplies()
            server.route("/later") { _, reply in
                held.hold(reply)
                held.answer("now\n", after: .milliseconds(100), on: loop)
            }
            return held
        }
        #expect(try server.text("/later") == "now\n")
    }

    @Test("A handler that forgets gives 500, one that takes too long 503")
    func noAnswer() throws {
        var limits = AdminLimits()
        limits.answer = .milliseconds(100)
        let server = try RunningServer(limits: limits) { server, _ in
            let held = HeldReplies()
            server.route("/forget") { _, _ in }
            server.route("/hold") { _, reply in held.hold(reply) }
            return held
        }
        #expect(status(try server.exchange("GET /forget HTTP/1.0\r\n\r\n")) == "500")
        #expect(status(try server.exchange("GET /hold HTTP/1.0\r\n\r\n")) == "503")
    }

    @Test("A client that goes before the answer is no trouble, however it goes")
    func disconnect() throws {
        let server = try RunningServer { server, loop in
            let held = HeldReplies()
            server.route("/later") { _, reply in
                held.hold(reply)
                held.answer(String(repeating: "x", count: 100_000), after: .milliseconds(50), on: loop)
            }
            return held
        }
        for round in 0..<30 {
            let connection = try RawConnection(server.address)
            connection.send("GET /later HTTP/1.1\r\nHost: localhost\r\n\r\n")
            switch round % 3 {
            case 0: connection.finish()
            case 1: connection.reset()
            default: connection.finishSending()
            }
        }
        #expect(try server.text("/later").utf8.count == 100_000)
        #expect(try server.text("/ok") == "ok\n")
    }

    @Test("A server that ends with unanswered requests frees them")
    func endWhilePending() throws {
        let server = try RunningServer { server, _ in
            let held = HeldReplies()
            server.route("/hold") { _, reply in held.hold(reply) }
            return held
        }
        let (waiting, gone) = (try RawConnection(server.address), try RawConnection(server.address))
        waiting.send("GET /hold HTTP/1.0\r\n\r\n")
        gone.send("GET /hold HTTP/1.0\r\n\r\n")
        gone.reset()
        #expect(try server.text("/ok") == "ok\n")
        server.stop()
        #expect(waiting.readToEnd() == "")
    }

    @Test("security 33: idle connections don't keep others out, and their number stays bounded")
    func idleConnections() throws {
        let server = try RunningServer()
        let idle = try (0..<200).map { _ in try RawConnection(server.address) }
        #expect(try server.text("/ok") == "ok\n")
        let count = try #require(Int(try server.text("/connections")))
        #expect(count <= AdminLimits().connections)
        withExtendedLifetime(idle) {}
    }

    @Test("security 33: a client that trickles is closed at the end of its lifetime")
    func slowClient() async throws {
        var limits = AdminLimits()
        limits.lifetime = .milliseconds(500)
        let server = try RunningServer(limits: limits)
        let slow = try RawConnection(server.address)
        var isOpen = slow.send("GET /ok HTTP/1.1\r\nX: ")
        // Counted in octets and not by the clock: other tests may hold this one up.
        for _ in 0..<200 where isOpen {
            try await Task.sleep(for: .milliseconds(20))
            isOpen = slow.send("a")
        }
        #expect(!isOpen)
        #expect(try server.text("/connections") == "1")
    }

    @Test("Octets that are no HTTP, and requests in one breath, are survived")
    func garbage() throws {
        let server = try RunningServer()
        var random = SystemRandomNumberGenerator()
        for _ in 0..<100 {
            let connection = try RawConnection(server.address)
            connection.send((0..<Int.random(in: 1...600)).map { _ in UInt8.random(in: 0...255, using: &random) })
            connection.finishSending()
        }
        let twice = "GET /ok HTTP/1.1\r\nHost: localhost\r\n\r\n"
        for request in [
            twice + twice, "POST /ok HTTP/1.1\r\nContent-Length: 2\r\n\r\nabGET /ok HTTP/1.1\r\n\r\n",
            "POST /ok HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n\r\n", "GET \u{0} HTTP/1.1\r\n\r\n",
            "POST /ok HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n",
            "GET http:// HTTP/1.1\r\n\r\n",
            "GET /ok HTTP/1.1\r\nContent-Length: -1\r\n\r\n", "OPTIONS * HTTP/1.1\r\n\r\n", "GET //ok HTTP/1.1\r\n\r\n",
            "GET /ok HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n",
        ] {
            let connection = try RawConnection(server.address)
            connection.send(request)
            connection.finishSending()
            _ = connection.readToEnd()
        }
        #expect(try server.text("/ok") == "ok\n")
    }

    @Test("An address in use is an error with its reason")
    func inUse() throws {
        let server = try RunningServer()
        let loop = try EventLoop()
        #expect(throws: SystemError.self) { try AdminServer(on: loop, listen: server.address) }
    }

    @Test("The client tells a process that isn't there from one that refuses")
    func client() throws {
        let server = try RunningServer()
        #expect(throws: AdminClientError.refused(status: 404, body: "no such page\n")) { try server.text("/nowhere") }
        let address = server.address
        server.stop()
        #expect(throws: AdminClientError.notRunning(address)) { try AdminClient(address).page("/ok") }
    }
}
