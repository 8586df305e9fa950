import NetworkTypes
import Reactor
import Testing

@Suite("Mailbox and loop threads")
struct MailboxTests {
    private struct Letter: Sendable {
        let sender: Int
        let number: Int
    }

    @Test("four threads send 100,000 messages: all arrive, each sender's in order, in batches")
    func manySenders() throws {
        let loop = try EventLoop()
        let mailbox = try Mailbox<Letter>()
        var next = [0, 0, 0, 0]
        var batches = 0
        var isOrdered = true
        let receiver = try mailbox.receive(on: loop) { batch in
            batches += 1
            for letter in batch {
                if next[letter.sender] != letter.number { isOrdered = false }
                next[letter.sender] += 1
            }
        }
        let senders = try (0..<4).map { sender in
            try LoopThread.start(name: "sender-\(sender)") { loop in
                let timer = Timer(on: loop) {
                    for number in 0..<25_000 { mailbox.send(Letter(sender: sender, number: number)) }
                }
                timer.schedule(after: .zero)
                return timer
            }
        }
        #expect(loop.run(until: { next == [25_000, 25_000, 25_000, 25_000] }, within: .seconds(60)))
        #expect(isOrdered)
        #expect(batches < 100_000)
        for sender in senders {
            sender.stop()
            sender.join()
        }
        withExtendedLifetime(receiver) {}
    }

    @Test("what was sent before the receiver came is kept for it")
    func sentBefore() throws {
        let loop = try EventLoop()
        let mailbox = try Mailbox<Int>()
        for number in 0..<3 { mailbox.send(number) }
        var batches: [[Int]] = []
        var receiver = Optional(try mailbox.receive(on: loop) { batches.append($0) })
        #expect(loop.run(until: { !batches.isEmpty }))
        #expect(batches == [[0, 1, 2]])
        receiver = nil
        mailbox.send(3)
        receiver = try mailbox.receive(on: loop) { batches.append($0) }
        #expect(loop.run(until: { batches.count == 2 }))
        #expect(batches.last == [3])
        withExtendedLifetime(receiver) {}
    }

    @Test("a full mailbox refuses what may be lost, and nothing else")
    func limit() throws {
        let mailbox = try Mailbox<Int>()
        #expect((0..<4).map { mailbox.send($0, unlessWaiting: 2) } == [true, true, false, false])
        #expect(mailbox.send(4))
        #expect(mailbox.count == 3)
    }

    @Test("a handler may keep its batch and send to its own mailbox")
    func sendFromHandler() throws {
        let loop = try EventLoop()
        let mailbox = try Mailbox<Int>()
        var kept: [[Int]] = []
        let receiver = try mailbox.receive(on: loop) { batch in
            kept.append(batch)
            for number in batch where number < 4 { mailbox.send(number + 1) }
        }
        mailbox.send(1)
        #expect(loop.run(until: { kept.count == 4 }))
        #expect(kept == [[1], [2], [3], [4]])
        withExtendedLifetime(receiver) {}
    }
}

@Suite("Loop thread")
struct LoopThreadTests {
    @Test("messages go to a thread and back")
    func pingPong() throws {
        let loop = try EventLoop()
        let requests = try Mailbox<Int>()
        let replies = try Mailbox<Int>()
        let thread = try LoopThread.start(name: "echo") { loop in
            try requests.receive(on: loop) { for number in $0 { replies.send(number * 2) } }
        }
        var received: [Int] = []
        let receiver = try replies.receive(on: loop) { batch in
            received += batch
            if received.count < 100 { requests.send(received.count) }
        }
        requests.send(0)
        #expect(loop.run(until: { received.count == 100 }))
        #expect(received == (0..<100).map { $0 * 2 })
        thread.stop()
        thread.join()
        thread.join()
        withExtendedLifetime(receiver) {}
    }

    @Test("an error while building is thrown to the starter")
    func buildError() {
        let error = #expect(throws: SystemError.self) {
            try LoopThread.start(name: "broken") { _ in throw SystemError("build", code: 5) }
        }
        #expect(error?.operation == "build")
    }

    @Test("the owner lives on the thread until the loop has ended, and no longer")
    func ownership() throws {
        final class Owner {
            let releases: Mailbox<Int>
            init(_ releases: Mailbox<Int>) { self.releases = releases }
            deinit { releases.send(1) }
        }
        let releases = try Mailbox<Int>()
        let thread = try LoopThread.start(name: "owner") { _ in Owner(releases) }
        #expect(releases.count == 0)
        thread.stop()
        thread.join()
        #expect(releases.count == 1)
    }
}
