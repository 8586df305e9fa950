import NetworkTypes
import Testing

@Suite("Token buckets")
struct TokenBucketTests {
    /// How many tokens are had at once.
    private func taken(_ bucket: inout TokenBucket, at time: Duration) -> Int {
        var count = 0
        while count < 1_000, bucket.take(at: .zero + time) { count += 1 }
        return count
    }

    @Test("A burst, then as many as time brings, and never more than the burst")
    func burst() {
        var bucket = TokenBucket(every: .milliseconds(100), burst: 5)
        let times: [Duration] = [.zero, .milliseconds(99), .milliseconds(100), .milliseconds(350), .seconds(1_000)]
        #expect(times.map { taken(&bucket, at: $0) } == [5, 0, 1, 2, 5])
    }

    @Test("What is less than a token is kept")
    func parts() {
        var bucket = TokenBucket(every: .milliseconds(100), burst: 2)
        #expect(taken(&bucket, at: .zero) == 2)
        let counts = (1...20).map { taken(&bucket, at: .milliseconds(30 * $0)) }
        #expect(counts.reduce(0, +) == 6)
    }

    @Test("So many a second, a second's worth at once; none and less are one")
    func rate() {
        var bucket = TokenBucket(perSecond: 300)
        #expect(taken(&bucket, at: .seconds(1)) == 300 && taken(&bucket, at: .milliseconds(1_500)) == 150)
        for rate in [1, 0, -5] {
            var slow = TokenBucket(perSecond: rate)
            #expect(taken(&slow, at: .seconds(1)) == 1 && taken(&slow, at: .seconds(1.9)) == 0)
        }
    }

    @Test("A look takes nothing, and what is given back is there, up to the burst")
    func back() {
        var bucket = TokenBucket(every: .seconds(1), burst: 2)
        #expect((0..<10).allSatisfy { _ in bucket.hasToken(at: .zero) } && taken(&bucket, at: .zero) == 2)
        for _ in 0..<5 { bucket.giveBack() }
        #expect(taken(&bucket, at: .zero) == 2 && !bucket.hasToken(at: .zero))
    }

    @Test("However long, often or many, nothing overflows")
    func extremes() {
        for (interval, burst) in [(Duration.zero, Int.max), (.seconds(Int64.max), 1), (.seconds(1), .max), (.zero, 0)] {
            var bucket = TokenBucket(every: interval, burst: burst)
            let isFull = bucket.take(at: .zero)
            bucket.giveBack()
            let isRefilled = bucket.take(at: .distantFuture)
            #expect(isFull && isRefilled)
        }
        var bucket = TokenBucket(perSecond: .max)
        #expect(taken(&bucket, at: .seconds(1)) == 1_000)
    }

    @Test("A clock that goes back, and one that is at its end, bring nothing and break nothing")
    func clock() {
        var bucket = TokenBucket(every: .seconds(1), burst: 2)
        #expect(taken(&bucket, at: .seconds(100)) == 2 && taken(&bucket, at: .seconds(10)) == 0)
        #expect(taken(&bucket, at: .seconds(101)) == 1)
        let end = Instant.distantFuture
        #expect(taken(&bucket, at: end - .zero) == 2)
    }
}
